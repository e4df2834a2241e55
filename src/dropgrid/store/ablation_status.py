"""Where an ablation stands, from its cells' files: what `status` shows, and its `--json`."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell
from dropgrid.store.earlier_format import EARLIER
from dropgrid.store.lease import holder
from dropgrid.store.own_code import CurrentCode
from dropgrid.store.records import read_state
from dropgrid.store.status import STATUSES

STATE = ("phase", "epoch", "epochs", "step", "steps", "loss")


class AblationStatus:
    """An ablation's distinct cells, their counts, and the time to go."""

    def __init__(self, ablation: Ablation):
        self.name = ablation.name
        self.ablation = ablation
        self.cells = list({cell.id: cell for cell in ablation.cells}.values())
        self.states = {cell.id: state(cell) for cell in self.of("running")}

    def of(self, *statuses: str) -> list[Cell]:
        """Return the cells of some statuses."""
        return [cell for cell in self.cells if cell.status in statuses]

    def counts(self) -> dict[str, int]:
        """Return status -> count of cells."""
        return counts(self.cells)

    def older(self) -> list[Cell]:
        """Return the finished cells that were trained by a different version of the code."""
        code = CurrentCode()
        return [cell for cell in self.of("finished") if code.differs(cell.found("provenance"))]

    def earlier(self) -> list[Cell]:
        """Return the finished cells of an earlier FORMAT, which no plan asks for any more."""
        return [cell for cell in self.of("finished") if (cell.result or {}).get("format") == EARLIER]

    def last_activity(self) -> float | None:
        """Return when a cell last gave a sign of life, in Unix time; None if none ever did."""
        paths = (path for cell in self.cells for path in cell.run.signs_of_life())
        times = [beaten for path in paths if (beaten := mtime(path))]
        return max(times, default=None)

    def seconds_to_go(self) -> float | None:
        """Return what unfinished cells that did not fail still take, as many at a time as run now; None if none runs.

        A cell takes what the finished ones of its row took on average, else all finished ones, else what the progress
        of the running ones suggests.
        """
        running = self.of("running")
        took: dict[str, list[float]] = {}
        for cell in self.of("finished"):
            took.setdefault(cell.row, []).extend(filter(None, [cell.found("timing").get("total_seconds")]))
        known = [each for row in took.values() for each in row]
        overall = mean(known) or mean([self.seconds_by_progress(cell) for cell in running])
        if not running or overall is None:
            return None
        rows = {row: mean(seconds) for row, seconds in took.items()}
        left = {cell.id: 1.0 - self.share(cell) for cell in self.of("running", "interrupted", "pending")}
        total = sum(left.get(cell.id, 0.0) * (rows.get(cell.row) or overall) for cell in self.cells)
        return total / len(running)

    def share(self, cell: Cell) -> float:
        """Return the fraction of a cell's steps that are done; 0 if it is not running."""
        found = self.states.get(cell.id) or {}
        if found.get("phase") == "measuring":
            return 1.0
        return min(1.0, found.get("step", 0) / found["steps"]) if found.get("steps") else 0.0

    def seconds_by_progress(self, cell: Cell) -> float | None:
        """Return the time that a running cell takes in all, from its progress so far; None at its very beginning."""
        share, began = self.share(cell), mtime(cell.run.config)
        return (time.time() - began) / share if share > 0.02 and began else None

    def summary(self) -> dict[str, Any]:
        """Return one line of the overview: `--json` without NAME."""
        return {
            "name": self.name,
            "cells": len(self.cells),
            **self.counts(),
            "older_source": len(self.older()),
            "last_activity": self.last_activity(),
            "seconds_to_go": self.seconds_to_go(),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return each row's cells by status, block by block."""
        return [
            {"row": row, "factors": dict(block.factors), "cells": len(cells), **counts(cells)}
            for block in self.ablation.blocks
            for row, cells in block.rows.items()
        ]

    def cell(self, cell: Cell, older: Collection[str]) -> dict[str, Any]:
        """Return one cell as `--json` shows it; `older` holds the ids of `self.older()`."""
        running = self.states.get(cell.id) or {}
        return {
            "cell": cell.id,
            "row": cell.row,
            "factors": dict(cell.factors),
            "seed": cell.seed,
            "status": cell.status,
            "folder": str(cell.folder),
            "older_source": cell.id in older,
            "seconds": cell.found("timing").get("total_seconds"),
            "progress": self.share(cell) if running else None,
            **{key: running.get(key) for key in (*STATE, "host", "pid")},
            "failure": described_failure(cell),
            "reproduce": cell.reproduce,
        }


def counts(cells: Sequence[Cell]) -> dict[str, int]:
    """Return status -> count of cells, in the order of `STATUSES`."""
    found = [cell.status for cell in cells]
    return {status: found.count(status) for status in STATUSES}


def state(cell: Cell) -> Mapping[str, Any]:
    """Return where a running cell stands, and who trains it: as it reports, else as its supervisor does."""
    about = holder(cell.folder) or {}
    return {key: about.get(key) for key in ("host", "pid")} | dict(read_state(cell.run))


def described_failure(cell: Cell) -> dict[str, str] | None:
    """Return why a cell failed: class, message and the log's path; None if it did not."""
    if cell.status != "failed" or cell.failure is None:
        return None
    found = {key: str(cell.failure.get(key)) for key in ("class", "message")}
    return {**found, "log": str(cell.folder / cell.failure.get("log", cell.run.log.name))}


def mtime(path: Path | str) -> float | None:
    """Return when a file was last written; None if there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are known; None if none is."""
    known = [each for each in values if each is not None]
    return sum(known) / len(known) if known else None
