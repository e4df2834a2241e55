"""Where an ablation stands, from its cells' files: what `status` shows, and its `--json`."""

import math
import os
import shlex
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.store.ablation import Ablation, Cell
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.lease import holder
from dropgrid.store.records import read_json
from dropgrid.store.status import STATUSES

SIGNS_OF_LIFE = ("result.json", "failure.json", "state.json", "log.txt")
STATE = ("phase", "epoch", "epochs", "step", "steps", "loss")


class Standing:
    """An ablation's distinct cells, their counts, and the time to go."""

    def __init__(self, ablation: Ablation):
        self.name = ablation.name
        self.ablation = ablation
        self.cells = list({cell.id: cell for cell in ablation.cells}.values())
        self.states = {cell.id: state(cell) for cell in self.of("running")}

    def of(self, *statuses: str) -> list[Cell]:
        """The cells of some statuses."""
        return [cell for cell in self.cells if cell.status in statuses]

    def counts(self) -> dict[str, int]:
        """Status -> cells."""
        return counts(self.cells)

    def older(self) -> list[Cell]:
        """The finished cells that another source than this has trained."""
        now = source_fingerprint()
        return [cell for cell in self.of("finished") if cell.found("provenance").get("source") != now]

    def last_activity(self) -> float | None:
        """When a cell last gave a sign of life, in Unix time."""
        paths = (f"{cell.folder}/{name}" for cell in self.cells for name in SIGNS_OF_LIFE)
        times = [beaten for path in paths if (beaten := mtime(path))]
        return max(times, default=None)

    def seconds_to_go(self) -> float | None:
        """What running, interrupted and pending cells still take, as many at a time as run now; None while none does.

        A cell takes what the finished ones of its row took on average, else all finished ones, else what the running
        ones' progress so far tells.
        """
        running = self.of("running")
        took: dict[str, list[float]] = {}
        for cell in self.of("finished"):
            took.setdefault(cell.row, []).extend(filter(None, [cell.found("timing").get("total_seconds")]))
        overall = mean([each for row in took.values() for each in row]) or mean(list(map(self.told, running)))
        if not running or overall is None:
            return None
        rows = {row: mean(seconds) for row, seconds in took.items()}
        left = {cell.id: 1.0 - self.share(cell) for cell in self.of("running", "interrupted", "pending")}
        total = sum(left.get(cell.id, 0.0) * (rows.get(cell.row) or overall) for cell in self.cells)
        return total / len(running)

    def share(self, cell: Cell) -> float:
        """The share of a cell's steps that are done; 0 where it is not running."""
        found = self.states.get(cell.id) or {}
        if found.get("phase") == "measuring":
            return 1.0
        return min(1.0, found.get("step", 0) / found["steps"]) if found.get("steps") else 0.0

    def told(self, cell: Cell) -> float | None:
        """The whole time a running cell takes, from its progress since it began; None at its very beginning."""
        share, began = self.share(cell), mtime(cell.folder / "config.yaml")
        return (time.time() - began) / share if share > 0.02 and began else None

    def summary(self) -> dict[str, Any]:
        """One line of the overview: `--json` without NAME."""
        return {
            "name": self.name,
            "cells": len(self.cells),
            **self.counts(),
            "older_source": len(self.older()),
            "last_activity": self.last_activity(),
            "seconds_to_go": self.seconds_to_go(),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Each row's cells by status, block by block."""
        return [
            {"row": row, "factors": dict(block.factors), "cells": len(cells), **counts(cells)}
            for block in self.ablation.blocks
            for row, cells in block.rows.items()
        ]

    def cell(self, cell: Cell, older: Collection[str]) -> dict[str, Any]:
        """One cell: what `--json` says of it, the ids of those by older source being known."""
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
            **{key: plain(running.get(key)) for key in (*STATE, "host", "pid")},
            "failure": failure(cell),
            "reproduce": reproduce(cell),
        }


def counts(cells: Sequence[Cell]) -> dict[str, int]:
    """Status -> cells, in the order of `STATUSES`."""
    found = [cell.status for cell in cells]
    return {status: found.count(status) for status in STATUSES}


def state(cell: Cell) -> Mapping[str, Any]:
    """Where a running cell stands, and who trains it: its own word, else its supervisor's."""
    about = holder(cell.folder) or {}
    return {key: about.get(key) for key in ("host", "pid")} | (read_json(cell.folder / "state.json") or {})


def failure(cell: Cell) -> dict[str, str] | None:
    """Why a cell failed: class, message and the log's path."""
    if cell.status != "failed" or cell.failure is None:
        return None
    found = {key: str(cell.failure.get(key)) for key in ("class", "message")}
    return {**found, "log": str(cell.folder / cell.failure.get("log", "log.txt"))}


def reproduce(cell: Cell) -> str:
    """The one command line that trains this cell."""
    return "python scripts/train.py " + shlex.join(cell.overrides)


def plain(value: Any) -> Any:
    """A value as JSON has it: a loss that is not finite is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def mtime(path: Path | str) -> float | None:
    """When a file was last written; None where there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [each for each in values if each is not None]
    return sum(known) / len(known) if known else None
