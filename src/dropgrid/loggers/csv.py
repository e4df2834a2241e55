"""metrics.csv, which every cell writes."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.files import open_growing
from dropgrid.loggers.logger import AbstractLogger, Masks
from dropgrid.store.layout import RunFolder


class Csv(AbstractLogger):
    """Writes a line per epoch to `metrics.csv`, flushed at once; without times, so equal runs write equal bytes.

    A number that a later epoch is the first to have becomes a column of the whole file: it is written again.
    """

    def __init__(self, *, folder: Path, cell: Mapping[str, Any]):
        self.file = open_growing(RunFolder(folder).metrics)
        self.rows: list[dict[str, float]] = []
        self.names: dict[str, None] = {}  # in their order

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:  # the file is new: rows before the checkpoint are written again
            self.log(row)

    def log(self, row: Mapping[str, float]) -> None:
        self.rows.append(dict(row))
        anew = not row.keys() <= self.names.keys()
        self.names |= dict.fromkeys(row)
        writer = csv.DictWriter(self.file, fieldnames=[*self.names])
        if anew:
            self.file.seek(0)
            self.file.truncate()
            writer.writeheader()
        writer.writerows(self.rows if anew else self.rows[-1:])
        self.file.flush()

    def image(self, name: str, png: bytes) -> None:
        """Do nothing: the report draws the figures from the cell's files."""

    def masks(self, shown: Masks) -> None:
        """Do nothing: the report draws the figures from the cell's files."""

    def close(self, summary: Mapping[str, Any] | None) -> None:
        self.file.close()
