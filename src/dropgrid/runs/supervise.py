"""A cell in a process of its own, watched from outside: whatever happens there costs that cell alone."""

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.runs.folder import read_json, run_folder, write_json, write_yaml

Train = Callable[[Mapping[str, Any], Path], None]
FAILED = 3
STOPPED = 4


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: `finished`, `failed` or `stopped`; `already` finished before it was asked for."""

    cell: str
    status: str
    already: bool = False
    failure: str = ""
    log: str = ""


def warm(modules: Iterable[str]) -> None:
    """Start the forkserver: one process imports these modules, every cell is a fork of it, started in milliseconds.

    All cells of a sweep then run the code that was there when it began.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(["dropgrid.training", *modules])
    forkserver.ensure_running()


def supervise(cell: Mapping[str, Any], outputs: Path, train: Train, stop: threading.Event | None = None) -> Outcome:
    """Train a cell unless it is finished; never raises for what happens inside it.

    Args:
        cell: id, name, ablation, row, reproduce, config, local.
        train: called in the child with the cell and its folder; leaves `result.json` there as its last act.
        stop: when set, the child is ended and the outcome is `stopped`.
    """
    folder = run_folder(outputs, cell["id"])
    folder.mkdir(parents=True, exist_ok=True)
    with lease(folder, stop):
        if (folder / "result.json").exists():
            return Outcome(cell["id"], "finished", already=True)
        (folder / "failure.json").unlink(missing_ok=True)
        write_yaml(folder / "config.yaml", cell["config"])
        write_yaml(folder / "local.yaml", cell["local"])
        child = multiprocessing.get_context("forkserver").Process(
            target=enter, args=(train, dict(cell), folder), name=cell["id"]
        )
        child.start()
        while child.is_alive() and not (stop is not None and stop.is_set()):
            wait([child.sentinel], timeout=0.2)
        if child.is_alive():
            child.terminate()
            child.join(5)
            child.kill()
        child.join()
        (folder / "state.json").unlink(missing_ok=True)
        if (folder / "result.json").exists():
            return Outcome(cell["id"], "finished")
        if stop is not None and stop.is_set():
            return Outcome(cell["id"], "stopped")
        return failed(cell["id"], folder, child.exitcode)


def failed(cell: str, folder: Path, exitcode: int | None) -> Outcome:
    """Say why in failure.json, unless the child could still say so itself."""
    failure = read_json(folder / "failure.json")
    if failure is None:
        failure = {
            "class": "Exit",
            "message": f"ended with exit code {exitcode} and no result",
            "log": "log.txt",
        }
        if exitcode is not None and exitcode < 0:
            name = signal.Signals(-exitcode).name
            memory = " (the system does this when memory runs out)" if name == "SIGKILL" else ""
            failure = {"class": name, "message": f"killed by {name}{memory}", "log": "log.txt"}
        write_json(folder / "failure.json", failure)
    return Outcome(cell, "failed", failure=f"{failure['class']}: {failure['message']}", log=str(folder / "log.txt"))


@contextmanager
def lease(folder: Path, stop: threading.Event | None) -> Iterator[None]:
    """Hold the cell's `lease`: a lock that the system frees when its holder ends, however it ends.

    A second sweep that wants the same cell waits here, and then finds it finished.
    """
    with open(folder / "lease", "w") as file:
        while not (stop is not None and stop.is_set()):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.2)
        yield


def enter(train: Train, cell: Mapping[str, Any], folder: Path) -> None:
    """The child's first function: its output goes to log.txt, its end to the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))
    threading.Thread(target=end_with_parent, daemon=True).start()
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        train(cell, folder)
    except Exception as error:
        traceback.print_exc()
        kind = "UserError" if isinstance(error, UserError) else type(error).__name__
        message = (str(error).strip() or kind).splitlines()[-1]
        write_json(folder / "failure.json", {"class": kind, "message": message, "log": "log.txt"})
        sys.exit(FAILED)


def end_with_parent() -> None:
    """End when the supervisor has: a cell nobody waits for would hold the machine."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(STOPPED)
