"""metrics.csv, which every cell writes."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.loggers.logger import AbstractLogger
from dropgrid.store.layout import RunFolder


class Csv(AbstractLogger):
    """A line an epoch in `metrics.csv`, flushed as it is written; holds no times, so equal runs write equal bytes."""

    def __init__(self, *, folder: Path, cell: Mapping[str, Any]):
        self.file = open(RunFolder(folder).metrics, "w", newline="")
        self.writer: csv.DictWriter[str] | None = None

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:  # the file began anew: what was logged after the checkpoint is logged again
            self.log(row)

    def log(self, row: Mapping[str, float]) -> None:
        if self.writer is None:
            self.writer = csv.DictWriter(self.file, fieldnames=list(row))
            self.writer.writeheader()
        self.writer.writerow(dict(row))
        self.file.flush()

    def picture(self, name: str, png: bytes) -> None:
        """Nothing: the report draws them from what lies beside."""

    def close(self, summary: Mapping[str, Any] | None) -> None:
        self.file.close()
