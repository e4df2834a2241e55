"""Files of a cell's checkpoints: written atomically, the last two kept, damage detected by the digest in the name.

`checkpoints/step-<step>-<stamp>-<digest>.ckpt`: the optimizer steps taken, by what it was written, and the sha256 of
the file's bytes.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from dropgrid.store.layout import RunFolder

KEPT = 2
NAME = re.compile(r"step-(\d+)-([0-9a-f]{12})-([0-9a-f]{12})\.ckpt")


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a cell's folder, the newest first."""
    found = RunFolder(folder).checkpoints.glob("*.ckpt")
    return sorted((each for each in found if NAME.fullmatch(each.name)), reverse=True)


def write(folder: Path, step: int, stamp: str, save: Callable[[Path], object]) -> Path:
    """Let `save` fill a file, make it durable, name it, and drop all but the last two.

    Raises OSError, with what was there before intact, if there is no room.
    """
    place = RunFolder(folder).checkpoints
    place.mkdir(exist_ok=True)
    partial = place / ".partial"
    try:
        save(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        path = place / f"step-{step:010d}-{stamp}-{digest(partial)}.ckpt"
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    for old in checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def newest(folder: Path, stamp: str, say: Callable[[str], object] = print) -> Path | None:
    """Return the newest sound checkpoint that bears our stamp; None if training starts at its first step.

    A damaged one is removed, with a line in the log; one by other source or packages is not continued from.
    """
    for path in checkpoints(folder):
        named = NAME.fullmatch(path.name)
        assert named is not None, "listed by its name"
        if named[2] != stamp:
            say(f"{path.name} was written by other source, packages or another kind of device: not continued from")
            continue
        if digest(path) == named[3]:
            return path
        say(f"{path.name} is damaged: going back to the one before")
        path.unlink(missing_ok=True)
    return None


def digest(path: Path) -> str:
    """Return 12 hex digits of the sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
