"""TensorBoard event files in the cell's folder."""

import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dropgrid.errors import UserError
from dropgrid.files import refuse_links
from dropgrid.loggers.logger import AbstractLogger, Masks
from dropgrid.store.layout import RunFolder


class TensorBoard(AbstractLogger):
    """Writes scalars by step under `tensorboard/`; the summary's metrics at the last step."""

    def __init__(self, *, folder: Path, cell: Mapping[str, Any]):
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise UserError("logger=tensorboard needs tensorboard: pip install 'dropgrid[tensorboard]'") from error
        place = RunFolder(folder).tensorboard
        refuse_links(place)
        shutil.rmtree(place, ignore_errors=True)  # from an earlier attempt
        self.writer = SummaryWriter(str(place))
        self.step = 0

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:
            self.log(row)

    def log(self, row: Mapping[str, float]) -> None:
        self.step = int(row["step"])
        for name, value in row.items():
            self.writer.add_scalar(name, value, self.step)

    def image(self, name: str, png: bytes) -> None:
        image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self.writer.add_image(name, image, self.step, dataformats="HWC")

    def masks(self, shown: Masks) -> None:
        """Do nothing: `image` shows them as a figure."""

    def close(self, summary: Mapping[str, Any] | None) -> None:
        for name, value in (summary or {}).items():
            if isinstance(value, int | float):
                self.writer.add_scalar(name, value, self.step)
        self.writer.close()
