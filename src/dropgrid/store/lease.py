"""A cell's lease: at most one supervisor trains it, on however many machines share the folder."""

import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.files import SCRATCH, make_folder, move, open_to_write
from dropgrid.store.layout import RunFolder

EXPIRY = 30.0
"""Seconds without a beat after which a lease is free whose holder's lock does not reach us."""

BEAT = 5.0
"""Seconds between beats."""

SETTLE = 1.0
"""Seconds that a lease taken over without its holder's lock is left alone before it counts: of two that take it at once
the last to write has it."""

SKEW = 600.0
"""No two clocks are further apart: a beat that much in the past is over, however short we have watched."""

SEEN: dict[Path, tuple[bytes, float]] = {}
"""Lease that we have no lock of -> its content, and since when this process has seen no other."""


def machine_id() -> str:
    """Return the id of this boot of this kernel: what shares file locks, whatever container it runs in."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


class Lease:
    """The file `lease` in a cell's folder, which names the holder for as long as it holds.

    On one machine a file lock decides, which the system frees with its holder, however that ends. Between machines,
    whose locks may not reach each other, and on a file system without locks, beats decide: the holder rewrites the file
    every `BEAT` seconds, and a lease that has not changed for `EXPIRY` seconds by the watcher's own clock may be taken.
    A holder that was held up for longer finds another's name at its next beat, and must let go. What it and its cell
    write until then goes nowhere: files get their names by a rename out of the holder's scratch folder, which whoever
    takes the lease removes (`dropgrid.files.SCRATCH`).
    """

    def __init__(self, folder: Path, machine: str | None = None):
        self.folder = folder
        self.machine = machine or machine_id()
        self.token = secrets.token_hex(8)
        self.file: int | None = None
        self.last = 0.0
        self.beats = 0
        self.inherited = False

    @property
    def path(self) -> Path:
        """The lease's file."""
        return RunFolder(self.folder).lease

    @property
    def scratch(self) -> Path:
        """The folder that the holder's files are written in."""
        return self.folder / f".attempt-{self.token}"

    def acquire(self) -> bool:
        """Take the lease if it is free; False while another holds it, or has just put the folder aside.

        Raises:
            UserError: the lease is a link, a pipe or a device.
        """
        try:
            file, fresh = open_to_write(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
        except FileNotFoundError:
            return False
        except FileExistsError:
            try:
                file, fresh = open_to_write(self.path, os.O_RDWR), False
            except FileNotFoundError:
                return False  # let go this very moment
        taken = False
        try:
            taken = self.take(file, fresh)
        except OSError:  # no room to write a name
            if fresh:
                self.path.unlink(missing_ok=True)
            raise
        finally:
            if not taken:
                self.file = None
                os.close(file)
        if taken:
            SEEN.pop(self.path, None)
        return taken

    def take(self, file: int, fresh: bool) -> bool:
        """Lock the open file, see that nobody holds it whose lock we would not see, and write our name."""
        locked = lock(file, self.path)
        if locked is False or not is_same_file(file, self.path):
            return False
        content = read_content(file)
        by_beats = not fresh and (locked is None or parse_content(content).get("machine") != self.machine)
        if by_beats and not expired(self.path, content, file):
            return False
        self.file, self.inherited = file, not fresh
        self.write()
        if by_beats:
            time.sleep(SETTLE)
        return self.shut_out_others()

    def shut_out_others(self) -> bool:
        """Make our scratch folder and remove all others, whose writers can name no file any more; False if we lost."""
        try:
            make_folder(self.scratch)  # before the last look: who takes the lease after it removes this one
        except FileNotFoundError:
            return False
        if not self.mine():
            shutil.rmtree(self.scratch, ignore_errors=True)
            return False
        for number, other in enumerate(scratch_folders(self.folder)):
            if other != self.scratch:
                gone = self.scratch / str(number)
                try:
                    move(other, gone, durable=False)  # at once, and whatever is open in there
                except FileNotFoundError:
                    continue
                shutil.rmtree(gone, ignore_errors=True)
        SCRATCH[self.folder] = self.scratch
        return True

    def mine(self) -> bool:
        """Predicate: the file still bears our name."""
        assert self.file is not None, "acquired"
        return is_same_file(self.file, self.path) and parse_content(read_content(self.file)).get("token") == self.token

    def beat(self) -> bool:
        """Rewrite the file when a beat is due; False if the lease was lost."""
        if time.monotonic() - self.last < BEAT:
            return True
        if not self.mine():
            return False
        self.write()
        return True

    def write(self) -> None:
        """Write our name and one beat more."""
        assert self.file is not None, "acquired"
        self.beats, self.last = self.beats + 1, time.monotonic()
        about = {"machine": self.machine, "token": self.token, "host": socket.gethostname(), "pid": os.getpid()}
        text = json.dumps({**about, "beat": self.beats, "time": time.time()}).encode()
        os.pwrite(self.file, text + b"\n", 0)
        os.ftruncate(self.file, len(text) + 1)

    def moved(self, folder: Path) -> None:
        """Go on with the lease of a folder that was renamed."""
        SCRATCH.pop(self.folder, None)
        self.folder = folder
        SCRATCH[folder] = self.scratch

    def release(self) -> None:
        """Let go; the file disappears, unless it has become another's."""
        if self.file is None:
            return
        if SCRATCH.get(self.folder) == self.scratch:
            del SCRATCH[self.folder]
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self.mine():
            self.path.unlink(missing_ok=True)
        os.close(self.file)
        self.file = None


def scratch_folders(folder: Path) -> list[Path]:
    """Return the scratch folders of a cell: its holder's, and what killed ones have left."""
    return [*folder.glob(".attempt-*")]


def lock(file: int, path: Path, how: int = fcntl.LOCK_EX) -> bool | None:
    """Lock an open file; False if another process here has it, None where locks do not work or exclude nobody."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    try:
        again = open_to_write(path, os.O_RDONLY)
    except (OSError, UserError):
        return None
    try:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    finally:
        os.close(again)
    return None


def is_same_file(file: int, path: Path) -> bool:
    """Predicate: the open file is the one at that path."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def read_content(file: int) -> bytes:
    """Return the lease's content."""
    return os.pread(file, 4096, 0)


def parse_content(content: bytes) -> dict[str, Any]:
    """Return who holds it; empty if that is not, or only half, written. A time that no clock shows is left out."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    if not is_time(found.get("time")):
        found.pop("time", None)
    return found


def is_time(value: Any) -> bool:
    """Predicate: a value may be what a clock has shown: not before 1970, and at most `SKEW` from now on."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < time.time() + SKEW


def expired(path: Path, content: bytes, file: int) -> bool:
    """Predicate: a lease has been the same for `EXPIRY` seconds by our clock, or was last beaten long ago.

    If it does not say when, its file does.
    """
    if time.time() - parse_content(content).get("time", os.fstat(file).st_mtime) > SKEW:
        return True
    seen, since = SEEN.get(path, (None, 0.0))
    if seen != content:
        SEEN[path] = (content, time.monotonic())
        return False
    return time.monotonic() - since > EXPIRY


def holder(folder: Path) -> dict[str, Any] | None:
    """Return who holds a cell's lease now: machine, host, pid; None if nobody does. For those who only watch."""
    path = RunFolder(folder).lease
    try:
        file = open_to_write(path, os.O_RDONLY)  # as if to write: a link is nobody's lease
    except (OSError, UserError):
        return None
    try:
        found = parse_content(read_content(file))
        free = lock(file, path, fcntl.LOCK_SH)  # two that watch do not see each other
    finally:
        os.close(file)
    if free is False:
        return found
    beaten = time.time() - found.get("time", 0.0) < EXPIRY + BEAT
    return found if beaten and (free is None or found.get("machine") != machine_id()) else None
