"""Whatever can happen to a running sweep, done to it: kills at chosen moments, damage, a file system that fills."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PARTIAL = {
    "checkpoint write": (".attempt-*/.new.*",),
    "result write": tuple(f".attempt-*/.{name}.*" for name in ("*.safetensors", "predictions.npz", "result.json")),
}
"""Moment -> the files that are there while it lasts, in a cell's folder."""


class Sweep:
    """A sweep's command, started and started again, and the cells that it runs."""

    def __init__(self, outputs: Path, overrides: list[str]):
        self.outputs, self.overrides = outputs, overrides
        self.process: subprocess.Popen | None = None
        self.starts = 0

    def start(self, largest_file: int | None = None) -> subprocess.Popen:
        """The command; files larger than `largest_file` bytes do not fit on its file system."""

        def limit():
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        environment = {**os.environ, "DROPGRID_OUTPUTS": str(self.outputs), "COLUMNS": "200"}
        line = [sys.executable, "scripts/train.py", *self.overrides]
        self.starts += 1
        self.process = subprocess.Popen(
            line,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=limit,
        )
        return self.process

    def cells(self) -> Iterator[tuple[Path, dict]]:
        """Folder and state of each cell that runs."""
        for path in self.outputs.glob("runs/*/state.json"):
            try:
                state = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if alive(state["pid"]):
                yield path.parent, state

    def results(self) -> dict[str, dict]:
        """Cell -> result.json."""
        return {path.parent.name: json.loads(path.read_text()) for path in self.outputs.glob("runs/*/result.json")}

    def logs(self) -> dict[str, str]:
        """Cell -> log.txt."""
        return {path.parent.name: path.read_text() for path in self.outputs.glob("runs/*/log.txt")}


class Chaos:
    """Does to a sweep what is asked, and counts what was really done: a process is stopped first, seen to be at the
    moment that was meant, and then killed.
    """

    def __init__(self, sweep: Sweep, seed: int):
        self.sweep, self.random = sweep, random.Random(seed)
        self.done: Counter[str] = Counter()

    def strike(self, what: str, timeout: float) -> bool:
        """Kill at a moment: `training`, `validation`, `checkpoint write`, `result write`, or the `parent`."""
        return self.kill_parent(timeout) if what == "parent" else self.kill_cell(what, timeout)

    def kill_cell(self, what: str, timeout: float) -> bool:
        """SIGKILL to a cell that is at the moment; False where none came to it in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.sweep.process.poll() is None:
            cells = list(self.sweep.cells())
            self.random.shuffle(cells)
            for folder, state in cells:
                if at(what, folder, state) and self.kill(state["pid"], lambda f=folder: at(what, f, state_of(f))):
                    self.done[what] += 1
                    return True
            time.sleep(0.001 if what in PARTIAL else 0.01)
        return False

    def kill(self, pid: int, still: Callable[[], bool]) -> bool:
        """Freeze a process, and kill it if it is still where it was meant to be; else let it go on."""
        try:
            os.kill(pid, signal.SIGSTOP)
            sure = still()
            os.kill(pid, signal.SIGKILL if sure else signal.SIGCONT)
        except ProcessLookupError:
            return False
        while sure and alive(pid):  # else it would be found, and counted, again
            time.sleep(0.001)
        return sure

    def kill_parent(self, timeout: float) -> bool:
        """SIGKILL to the command while a cell runs; its cells end with it, and the command is started again."""
        deadline = time.monotonic() + timeout
        while not (cells := list(self.sweep.cells())):
            if time.monotonic() > deadline or self.sweep.process.poll() is not None:
                return False
            time.sleep(0.01)
        self.sweep.process.kill()
        self.sweep.process.wait()
        while any(alive(state["pid"]) for _, state in cells):
            time.sleep(0.01)
        self.done["parent"] += 1
        return True

    def damage(self) -> bool:
        """Truncate, or flip a bit of, the newest checkpoint of a cell that has two; while nothing runs."""
        for folder in sorted((self.sweep.outputs / "runs").iterdir()):
            found = sorted(folder.glob("checkpoints/step-*.ckpt"))
            if len(found) == 2:
                content = bytearray(found[-1].read_bytes())
                if self.done["damaged checkpoint"] % 2:
                    content[len(content) // 2] ^= 1
                else:
                    del content[len(content) // 2 :]
                found[-1].write_bytes(content)
                self.done["damaged checkpoint"] += 1
                return True
        return False


def at(what: str, folder: Path, state: dict) -> bool:
    """Whether a cell is at a moment."""
    if what == "training":
        return state.get("phase") == "training" and 0 < state["step"] < state["steps"]
    if what == "validation":
        return state.get("phase") == "validating"
    return any(any(folder.glob(pattern)) for pattern in PARTIAL[what]) and not (folder / "result.json").exists()


def state_of(folder: Path) -> dict:
    """A cell's state, as it is now."""
    try:
        return json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return {}


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
