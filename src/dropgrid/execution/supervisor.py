"""A cell in a process of its own, watched from outside: whatever happens there costs that cell alone."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dropgrid.errors import DISK_FULL, FAILED, LOST, STOPPED, UserError
from dropgrid.execution import forkserver
from dropgrid.execution.worker import Train, classify, enter
from dropgrid.files import ROOTS, Lost, make_folder, refuse_strange, write_atomically
from dropgrid.paths import tilde
from dropgrid.store.deletion import clear, clear_partials
from dropgrid.store.files import write_json, write_yaml
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.lease import Lease, holder
from dropgrid.store.records import damage, is_finished, put_aside, read_failure, read_result

GRACE = 60.0
"""Seconds for a cell that is asked to stop: until its next step, and a checkpoint."""

Failure = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: `finished`, `failed`, `stopped`, or `busy` under another supervisor; `already` finished before
    it was asked for; `lost` to one that took it over from here; `attempts` made here."""

    cell: str
    status: str
    already: bool = False
    lost: bool = False
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
        retries: attempts more after a failure, by its class; each goes on from the last checkpoint. None after a
            UserError: data that are not those of the plan, say, stay so.
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
        make_folder(run.folder)
        refuse_strange(run.folder)
        return Supervisor(cell, run, train, stop or Stop(), policy or Policy()).outcome()
    except (OSError, UserError) as error:  # a full disk, a damaged file: the other cells need not know
        kind, message = classify(error)
        with suppress(OSError, UserError):
            if holder(run.folder) is None:
                write_json(run.failure, {"class": kind, "message": message, "log": run.log.name})
        return Outcome(cell["id"], "failed", failure=f"{kind}: {message}", log=str(run.log))


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
                make_folder(self.run.folder)  # another may have put it aside
            try:
                result, damaged = read_result(self.run), damage(self.run)
                if result is None and damaged is None:
                    ended = self.attempts()
                    if not (ended.lost and self.policy.patient):
                        return ended
                elif result is not None and not self.policy.outdated(result):
                    return Outcome(self.id, "finished", already=True)
                else:
                    self.lease.moved(put_aside(self.run.folder))
            except Lost:
                if not self.policy.patient:
                    return Outcome(self.id, "busy", lost=True)
            finally:
                self.lease.release()
            make_folder(self.run.folder)

    def attempts(self) -> Outcome:
        """Try until there is a result, a stop, or a failure that may not be tried again."""
        self.run.failure.unlink(missing_ok=True)
        clear_partials(self.run)
        if self.lease.inherited:
            without_home_path(self.run.log, anew=True)
        write_yaml(self.run.config, self.cell["config"])
        write_yaml(self.run.local, self.cell["local"])
        left, attempt = dict(self.policy.retries), 0
        while True:
            attempt += 1
            status = self.attempt()
            if status == "finished":
                clear(self.run)
            if status != "failed":
                return Outcome(self.id, status, lost=status == "busy", attempts=attempt)
            assert self.failure is not None, "set by the attempt"
            kind = self.failure["class"]
            if self.stop.asked.is_set() or left.get(kind, 0) < 1 or kind == UserError.__name__:  # stays a mistake
                text = f"{kind}: {self.failure['message']}"
                return Outcome(self.id, "failed", failure=text, log=str(self.run.log), attempts=attempt)
            left[kind] -= 1
            self.run.failure.unlink(missing_ok=True)

    def attempt(self) -> str:
        """Run one process to its end; return `finished`, `stopped`, `busy` if the lease was lost, or `failed`."""
        cell, variables = {**self.cell, "forked": time.time()}, dict(self.policy.variables)
        arguments = (self.train, cell, self.run.folder, variables, frozenset(ROOTS), self.lease.scratch)
        child = forkserver.start(enter, arguments, self.id)
        ended = ""
        try:
            ended = self.watch(child)
        finally:
            end(child, GRACE if ended == "stopped" else 0.0, self.stop.at_once, self.lease.beat)
        lost = child.exitcode == LOST and not self.lease.scratch.exists()  # a stranger's code may end with any number
        if lost or not self.lease.mine():  # what is in the folder now is another's
            return "busy"
        self.run.state.unlink(missing_ok=True)
        without_home_path(self.run.log)
        if is_finished(self.run):
            return "finished"
        if ended == "busy" or (ended == "stopped" and child.exitcode not in (FAILED, DISK_FULL)):
            return ended  # else it could not write its checkpoint, and nobody is to think that it did
        self.failure = self.why(child, ended)
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

    def why(self, child: BaseProcess, ended: str) -> Failure | None:
        """Return the failure that the child reported, else what its end suggests, and write that; None for a stop."""
        failure: Failure | None = read_failure(self.run)
        if failure is not None:
            return failure
        if child.exitcode == STOPPED and self.stop.asked.wait(1.0):  # a signal to all of us reached the child first
            return None
        kind, message = forkserver.exit_failure(child)
        if child.exitcode == STOPPED:
            kind, message = "SIGTERM", "asked to stop by another"
        elif ended == "Hang":
            kind, message = "Hang", f"no sign of life for {self.policy.hang_seconds:g} s: killed"
        elif child.exitcode == DISK_FULL:
            kind, message = "DiskFull", "the disk is full; make room, then run the same command again"
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


def without_home_path(log: Path, anew: bool = False) -> None:
    """Remove the path of the home folder, which tracebacks have, from a log that nobody writes any more; `anew` copies
    it in any case: what a process that has lost the lease still prints goes to the file before."""
    with suppress(OSError):  # a full disk, or there is none
        text = log.read_text(errors="replace")
        if (shown := tilde(text)) != text or anew:
            write_atomically(log, lambda file: file.write(shown.encode()), durable=False)


def end(child: BaseProcess, grace: float, at_once: threading.Event, beat: Callable[[], object] = lambda: None) -> None:
    """Ask the child to end, and end it after the grace, or at once when that is asked for; `beat` until then."""
    if child.is_alive() and grace:
        child.terminate()
    until = time.monotonic() + grace
    while child.is_alive() and time.monotonic() < until and not at_once.is_set():
        child.join(0.1)
        with suppress(OSError):
            beat()
    child.kill()
    child.join()
    forkserver.died(child)  # then it is gone only now
