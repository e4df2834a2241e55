"""A cell in a process of its own, watched from outside: whatever happens there costs that cell alone."""

import multiprocessing
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dropgrid.errors import DISK_FULL, STOPPED, UserError
from dropgrid.execution.worker import Train, classify, enter
from dropgrid.files import write_atomically
from dropgrid.paths import tilde
from dropgrid.store.files import read_json, write_json, write_yaml
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.lease import Lease
from dropgrid.store.records import put_aside, read_failure

GRACE = 60.0
"""Seconds for a cell that is asked to stop: until its next step, and a checkpoint."""

Failure = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: `finished`, `failed`, `stopped`, or `busy` under another supervisor; `already` finished before
    it was asked for; `attempts` made here."""

    cell: str
    status: str
    already: bool = False
    failure: str = ""
    log: str = ""
    attempts: int = 1


class Stop:
    """A request to stop: `asked` lets cells write a checkpoint, asked again they end `at_once`."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.at_once = threading.Event()

    def ask(self) -> None:
        """Ask once, or once more."""
        (self.at_once if self.asked.is_set() else self.asked).set()


def never(result: Mapping[str, Any]) -> bool:
    """Predicate: no result is outdated."""
    return False


@dataclass(frozen=True)
class Policy:
    """How a cell is watched.

    Args:
        retries: attempts more after a failure, by its class; each goes on from the last checkpoint.
        hang_seconds: without a sign of life before a cell counts as hung.
        outdated: of a result: it is put aside, and the cell trained again.
        patient: wait for a cell that another supervisor has; else the outcome is `busy`.
        variables: of the environment of the cell's process.
    """

    retries: Mapping[str, int] = field(default_factory=dict)
    hang_seconds: float = 600.0
    outdated: Callable[[Mapping[str, Any]], bool] = never
    patient: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)


ALWAYS = ("dropgrid.execution.parent_death", "dropgrid.cli.train", "dropgrid.training.train", "dropgrid.masks.native")
"""What every cell's process needs; a module that cannot be imported here is passed over."""


def warm(modules: Iterable[str] = ()) -> None:
    """Start the forkserver, once: one process imports what every cell needs and these modules, each cell is a fork of
    it, started in milliseconds.

    All cells of a sweep then run the code that was there when it began.
    """
    wanted = [*ALWAYS, *modules, "dropgrid.execution.gc_freeze"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(wanted)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # inherited: Ctrl-C is not for its imports
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def supervise(
    cell: Mapping[str, Any],
    outputs: Path,
    train: Train,
    stop: Stop | None = None,
    policy: Policy | None = None,
) -> Outcome:
    """Train a cell unless it is finished, and return how it ended; never raises for what happens inside it.

    Args:
        cell: id, name, ablation, row, reproduce, config, local.
        train: see `dropgrid.execution.worker.enter`.
        stop: when asked, the child is, and the outcome is `stopped`.
    """
    run = Outputs(Path(outputs)).run(cell["id"])
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        return Supervisor(cell, run, train, stop or Stop(), policy or Policy()).outcome()
    except (OSError, UserError) as error:  # a full disk, a damaged file: the other cells need not know
        return Outcome(cell["id"], "failed", failure=": ".join(classify(error)), log=str(run.log))


class Supervisor:
    """One cell, from lease to outcome."""

    def __init__(self, cell: Mapping[str, Any], run: RunFolder, train: Train, stop: Stop, policy: Policy):
        self.cell, self.run, self.train, self.stop, self.policy = cell, run, train, stop, policy
        self.id = cell["id"]
        self.lease = Lease(run.folder)
        self.failure: Failure | None = None

    def outcome(self) -> Outcome:
        """Take the lease, and train unless the cell is finished, as often as failures allow; return how it ended."""
        while True:
            while not self.lease.acquire():
                if self.stop.asked.is_set():
                    return Outcome(self.id, "stopped")
                if not self.policy.patient:
                    return Outcome(self.id, "busy")
                time.sleep(0.2)
                self.run.folder.mkdir(exist_ok=True)  # another may have put it aside
            try:
                result = read_json(self.run.result)
                if result is None:
                    return self.attempts()
                if not self.policy.outdated(result):
                    return Outcome(self.id, "finished", already=True)
                RunFolder(put_aside(self.run.folder)).lease.unlink()
            finally:
                self.lease.release()
            self.run.folder.mkdir(exist_ok=True)

    def attempts(self) -> Outcome:
        """Try until there is a result, a stop, or a failure that may not be tried again."""
        self.run.failure.unlink(missing_ok=True)
        clear_partials(self.run)
        write_yaml(self.run.config, self.cell["config"])
        write_yaml(self.run.local, self.cell["local"])
        left, attempt = dict(self.policy.retries), 0
        while True:
            attempt += 1
            status = self.attempt()
            if status == "finished":
                clear(self.run)
            if status != "failed":
                return Outcome(self.id, status, attempts=attempt)
            assert self.failure is not None, "set by the attempt"
            kind = self.failure["class"]
            if self.stop.asked.is_set() or left.get(kind, 0) < 1:
                text = f"{kind}: {self.failure['message']}"
                return Outcome(self.id, "failed", failure=text, log=str(self.run.log), attempts=attempt)
            left[kind] -= 1
            self.run.failure.unlink(missing_ok=True)

    def attempt(self) -> str:
        """Run one process to its end; return `finished`, `stopped`, `busy` if the lease was lost, or `failed`."""
        child = multiprocessing.get_context("forkserver").Process(
            target=enter,
            args=(self.train, {**self.cell, "forked": time.time()}, self.run.folder, dict(self.policy.variables)),
            name=self.id,
        )
        child.start()
        ended = ""
        try:
            ended = self.watch(child)
        finally:
            end(child, GRACE if ended == "stopped" else 0.0, self.stop.at_once)
            self.run.state.unlink(missing_ok=True)
            without_home_path(self.run.log)
        if self.run.finished:
            return "finished"
        if ended in ("stopped", "busy"):
            return ended
        self.failure = self.why(child.exitcode, ended)
        return "stopped" if self.failure is None else "failed"

    def watch(self, child: BaseProcess) -> str:
        """Wait until the child ends; return `stopped`, `busy` or `Hang` if it must be ended."""
        seen, since = last_sign_of_life(self.run), time.monotonic()
        while child.is_alive():
            if self.stop.asked.is_set():
                return "stopped"
            if not self.lease.beat():
                return "busy"
            if (sign := last_sign_of_life(self.run)) != seen:  # by our clock: a file server has one of its own
                seen, since = sign, time.monotonic()
            if time.monotonic() - since > self.policy.hang_seconds:
                return "Hang"
            wait([child.sentinel], timeout=0.2)
        return ""

    def why(self, exitcode: int | None, ended: str) -> Failure | None:
        """Return the failure that the child reported, else what its end suggests, and write that; None for a stop."""
        failure: Failure | None = read_failure(self.run)
        if failure is not None:
            return failure
        if exitcode == STOPPED and self.stop.asked.wait(1.0):  # a signal to all of us reached the child first
            return None
        kind, message = "Exit", f"ended with exit code {exitcode} and no result"
        if exitcode == STOPPED:
            kind, message = "SIGTERM", "asked to stop by another"
        elif ended == "Hang":
            kind, message = "Hang", f"no sign of life for {self.policy.hang_seconds:g} s: killed"
        elif exitcode == DISK_FULL:
            kind, message = "DiskFull", "the disk is full; make room, and the same command goes on"
        elif exitcode is not None and exitcode < 0:
            kind = signal.Signals(-exitcode).name
            memory = " (the system does this when memory runs out)" if kind == "SIGKILL" else ""
            message = f"killed by {kind}{memory}"
        failure = {"class": kind, "message": message, "log": self.run.log.name}
        try:
            write_json(self.run.failure, failure)
        except OSError:  # a full disk; the outcome says it
            pass
        return failure


def last_sign_of_life(run: RunFolder) -> float:
    """Return when the cell last gave a sign of life, by the clock of whatever keeps its files."""
    try:
        return run.state.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def without_home_path(log: Path) -> None:
    """Remove the path of the home folder, which tracebacks have, from a log that nobody writes any more."""
    try:
        text = log.read_text(errors="replace")
        if (shown := tilde(text)) != text:
            write_atomically(log, lambda beside: beside.write_text(shown))
    except OSError:  # a full disk, or there is none
        pass


def end(child: BaseProcess, grace: float, at_once: threading.Event) -> None:
    """Ask the child to end, and end it after the grace, or at once when that is asked for."""
    if child.is_alive() and grace:
        child.terminate()
    deadline = time.monotonic() + grace
    while child.is_alive() and time.monotonic() < deadline and not at_once.is_set():
        child.join(0.1)
    child.kill()
    child.join()


def tidy(run: RunFolder) -> None:
    """Remove what a killed supervisor could not remove from a finished cell, unless the lease is another's."""
    if any(path.exists() for path in (run.lease, run.state, run.checkpoints)):
        lease = Lease(run.folder)
        if lease.acquire():
            clear(run)
            lease.release()


def clear(run: RunFolder) -> None:
    """Remove what a finished cell no longer needs."""
    clear_partials(run)
    run.state.unlink(missing_ok=True)
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def clear_partials(run: RunFolder) -> None:
    """Remove what a killed process was writing."""
    for partial in run.partial_files():
        partial.unlink(missing_ok=True)
