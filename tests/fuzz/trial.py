"""One hostile input after another, in this process: what came of each, and whether it did what nothing may do."""

import contextlib
import io
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  it keeps a cache where it likes
import pytorch_lightning  # noqa: F401

from dropgrid.errors import UserError
from dropgrid.printable import printable

SECONDS = 20
"""Of the processor, for one input; a hang takes for ever."""

WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")
RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.startfile", "pickle.find_class", "pty.spawn")
SPAWNS = ("subprocess.Popen", "os.fork", "os.forkpty")
COPIED = {
    *(("builtins", name) for name in ("dict", "list", "int", "float", "str", "bool")),
    ("typing", "Any"),
    ("collections", "defaultdict"),
}
NODES = ("omegaconf.base", "omegaconf.dictconfig", "omegaconf.listconfig", "omegaconf.nodes")
"""Plain types, and modules of the nodes of a config: the planner copies composed configs by pickles of its own."""

FREE = tuple(map(os.path.realpath, ("/dev/null", "/dev/tty")))


class Hang(BaseException):
    """The time for one input is over."""


class Guard:
    """Listens to the interpreter's audit events while it is armed, and notes what a hostile input may not do."""

    def __init__(self) -> None:
        self.allowed: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self.listen)  # it cannot be taken back: one a process

    def listen(self, event: str, arguments: tuple) -> None:
        if self.allowed is None:
            return
        if event == "pickle.find_class" and (arguments[0] in NODES or tuple(arguments[:2]) in COPIED):
            return
        if event in RUNS + SPAWNS:
            self.seen.append(f"{event} {arguments[:2]}")
        elif event in WRITES:
            for path in arguments[1:2] if event in ("os.symlink", "os.link", "os.rename") else arguments[:1]:
                self.place(event, path)
        elif event == "open":
            path, mode, flags = arguments
            writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
            if writes or (mode is None and isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
                self.place("write", path)

    def place(self, event: str, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor, opened before
        where = os.path.realpath(os.fsdecode(path))
        if not where.startswith((f"{self.allowed}{os.sep}", *FREE)):
            self.seen.append(f"{event} {where}")


GUARD = Guard()
sys.dont_write_bytecode = True


class Trial:
    """Tries inputs of one kind, and counts what came of them: `ran`, `refused` with a line, or `wrong`.

    `wrong` says what else happened, for a test to fail with: all of it at once.
    """

    def __init__(self, kind: str, folder: Path):
        self.kind = kind
        self.folder = Path(os.path.realpath(folder))
        self.outcomes: Counter[str] = Counter()
        self.wrong: dict[str, str] = {}

    def __call__(self, act, shown: object) -> str:
        """What comes of `act`, which returns an exit code or nothing, or raises UserError."""
        try:
            outcome = self.outcome(act)
        except AssertionError as error:
            outcome = "wrong"
            self.wrong.setdefault(str(error)[:100], f"{shown!r}: {error}")
        self.outcomes[outcome] += 1
        return outcome

    def outcome(self, act) -> str:
        """`ran` or `refused`; AssertionError says what else."""
        out, err = io.StringIO(), io.StringIO()
        outcome, told = "ran", ""
        before = tempfile.tempdir
        tempfile.tempdir = str(self.folder)
        signal.signal(signal.SIGPROF, over)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        GUARD.allowed, GUARD.seen = str(self.folder), []
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = act()
            outcome, told = ("ran", "") if code in (None, 0) else (f"exit {code}", err.getvalue())
        except UserError as error:
            outcome, told = "refused", printable(str(error))  # as `print_error` does
        except SystemExit as end:
            outcome, told = f"exit {end.code or 0}", err.getvalue()
        except (Exception, Hang) as error:
            GUARD.allowed = None
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise AssertionError(f"{type(error).__name__} at {place.filename}:{place.lineno}: {error}") from error
        finally:
            GUARD.allowed = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            tempfile.tempdir = before
        outcome = {"exit 0": "ran", "exit 2": "refused"}.get(outcome, outcome)
        assert outcome in ("ran", "refused"), f"{outcome}: {told}"
        assert not GUARD.seen, GUARD.seen
        for text in (out.getvalue(), err.getvalue(), told):
            assert printable(text) == text, f"not printable: {text!r}"
        if outcome == "refused":
            assert len(told.strip().splitlines()) == 1 and "Traceback" not in told, f"no line: {told!r}"
        return outcome


def over(*_: object) -> None:
    raise Hang(f"longer than {SECONDS} s")
