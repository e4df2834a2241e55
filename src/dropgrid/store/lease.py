"""A cell's lease: at most one supervisor trains it, on however many machines share the folder."""

import fcntl
import json
import os
import secrets
import socket
import time
from pathlib import Path
from stat import S_ISREG
from typing import Any

from dropgrid.store.layout import RunFolder

EXPIRY = 30.0
"""Seconds without a beat after which another machine's lease is free."""

BEAT = 5.0
"""Seconds between beats."""

SETTLE = 1.0
"""Seconds that a lease taken over from another machine is left alone before it counts: of two that take it at once the
last to write has it."""

SKEW = 600.0
"""No two clocks are further apart: a beat that much in the past is over, however short we have watched."""

SEEN: dict[Path, tuple[bytes, float]] = {}
"""Lease of another machine -> its content, and since when this process has seen no other."""


def machine_id() -> str:
    """Return the id of this boot of this kernel: what shares file locks, whatever container it runs in."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


class Lease:
    """The file `lease` in a cell's folder, which names the holder for as long as it holds.

    On one machine a file lock decides, which the system frees with its holder, however that ends. Between machines,
    whose locks may not reach each other, the holder rewrites the file every `BEAT` seconds, and a lease that has not
    changed for `EXPIRY` seconds by the watcher's own clock may be taken. A holder that was held up for longer finds
    another's name at its next beat, and must let go.
    """

    def __init__(self, folder: Path, machine: str | None = None):
        self.path = RunFolder(folder).lease
        self.machine = machine or machine_id()
        self.token = secrets.token_hex(8)
        self.file: int | None = None
        self.beats = 0
        self.last = 0.0

    def acquire(self) -> bool:
        """Take the lease if it is free; False while another holds it, or has just put the folder aside."""
        try:
            file, fresh = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644), True
        except FileNotFoundError:
            return False
        except FileExistsError:
            try:
                file, fresh = os.open(self.path, os.O_RDWR), False
            except FileNotFoundError:
                return False  # let go this very moment
        if not self.take(file, fresh):
            os.close(file)
            self.file = None
            return False
        SEEN.pop(self.path, None)
        return True

    def take(self, file: int, fresh: bool) -> bool:
        """Lock the open file, see that nobody elsewhere holds it, and write our name."""
        if not lock(file) or not is_same_file(file, self.path):
            return False
        content = read_content(file)
        elsewhere = not fresh and parse_content(content).get("machine") != self.machine
        if elsewhere and not expired(self.path, content):
            return False
        self.file = file
        self.write()
        if elsewhere:
            time.sleep(SETTLE)
        return self.mine()

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

    def release(self) -> None:
        """Let go; the file disappears, unless it has become another's."""
        if self.file is None:
            return
        if self.mine():
            self.path.unlink(missing_ok=True)
        os.close(self.file)
        self.file = None


def lock(file: int, how: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file; False if another process here has it. Where locks do not work, the beats decide."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_same_file(file: int, path: Path) -> bool:
    """Predicate: the open file is the one at that path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def read_content(file: int) -> bytes:
    """Return the lease's content."""
    return os.pread(file, 4096, 0)


def parse_content(content: bytes) -> dict[str, Any]:
    """Return who holds it; empty if that is not, or only half, written."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if key != "time" or isinstance(value, int | float)}


def expired(path: Path, content: bytes) -> bool:
    """Predicate: another machine's lease has been the same for `EXPIRY` seconds, or was last beaten long ago."""
    if time.time() - parse_content(content).get("time", time.time()) > SKEW:
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
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would be waited for
    except OSError:
        return None
    try:
        found = parse_content(read_content(file) if S_ISREG(os.fstat(file).st_mode) else b"")
        free = lock(file, fcntl.LOCK_SH)  # two that watch do not see each other
    finally:
        os.close(file)
    beaten = time.time() - found.get("time", 0.0) < EXPIRY + BEAT
    return found if not free or (beaten and found.get("machine") != machine_id()) else None
