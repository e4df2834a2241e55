"""A sweep's command beside a cluster: started, watched by its files, compared with another."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 600
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25"]
DISTURBED = ["sweep.checkpoint.steps=20", "sweep.beat_seconds=0.5"]
"""What a sweep has that is to be disturbed: checkpoints to go on from, and signs of life to watch."""


def cells(*seeds: int, epochs: int) -> list[str]:
    """A sweep of two rows; a cell takes a second for each 20 epochs."""
    return [*TINY, f"trainer.max_epochs={epochs}", "regularizer=none,dropblock", f"seed={','.join(map(str, seeds))}"]


class Sweep:
    """A command and its outputs.

    Args:
        overrides: what it trains, and where.
        environment: the cluster's.
    """

    def __init__(
        self,
        outputs: Path,
        overrides: Sequence[str],
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ):
        self.outputs, self.overrides, self.python = outputs, overrides, python
        self.environment = {**os.environ, **(environment or {}), "COLUMNS": "200", "DROPGRID_OUTPUTS": str(outputs)}

    def start(self) -> subprocess.Popen:
        """The command, begun."""
        line = [self.python, "scripts/train.py", "-m", *self.overrides]
        given: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "stdin": subprocess.DEVNULL,
        }
        return subprocess.Popen(line, cwd=ROOT, env=self.environment, **given)

    def run(self) -> str:
        """To its end, which is a good one; what it printed."""
        process = self.start()
        return self.ended(process)

    def ended(self, process: subprocess.Popen, code: int = 0) -> str:
        """What the command prints to its end."""
        text, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == code, text
        return text

    def states(self) -> dict[str, dict[str, Any]]:
        """Cell -> state of each cell that trains, and has made a step."""
        found = {}
        for path in self.outputs.glob("runs/*/state.json"):
            try:
                state = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if state.get("phase") == "training" and state["step"] > 0:
                found[path.parent.name] = state
        return found

    def results(self) -> dict[str, dict[str, Any]]:
        """Cell -> its result."""
        return {path.parent.name: json.loads(path.read_text()) for path in self.outputs.glob("runs/*/result.json")}

    def bits(self) -> dict[str, Any]:
        """Cell -> what must be equal wherever it was trained."""
        return {cell: (found["weights"], found["metrics"], found["steps"]) for cell, found in self.results().items()}

    def table(self) -> list[Any]:
        """The rows of its table, but for how long they took."""
        (path,) = self.outputs.glob("ablations/*/table.json")
        rows: list[Any] = json.loads(path.read_text())["rows"]
        return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]

    def same(self, other: "Sweep") -> None:
        """It has ended as another has, bit by bit, and cleanly."""
        assert self.bits() == other.bits()
        assert self.table() == other.table()
        assert not self.left_behind()

    def left_behind(self) -> list[str]:
        """Files that a cell that is through should not have."""
        wrong = ("lease", "state.json", "checkpoints", "failure.json")
        return [str(path) for path in self.outputs.glob("runs/*/*") if path.name in wrong or path.name.startswith(".")]
