"""Files of a cell's checkpoints: written atomically, the last two kept, damage detected by the digest in the name.

`checkpoints/step-<step>-<stamp>-<digest>.ckpt`: the optimizer steps taken, by what it was written, and the sha256 of
the file's bytes.
"""

import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

from dropgrid.files import file_hash, make_folder, write_named
from dropgrid.store.layout import RunFolder

KEPT = 2
NAME = re.compile(r"step-(\d+)-([0-9a-f]{12})-([0-9a-f]{12})\.ckpt")


class NotContinued(Exception):
    """Training could not continue from the checkpoint of that name."""

    def __init__(self, name: str, why: str):
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a cell's folder, the newest first."""
    found = RunFolder(folder).checkpoints.glob("*.ckpt")
    return sorted((each for each in found if NAME.fullmatch(each.name)), reverse=True)


def stamps(folder: Path) -> list[str]:
    """Return by what the checkpoints in a cell's folder were written, the newest first."""
    return [parts(each)[1] for each in checkpoints(folder)]


def write(
    folder: Path, step: int, stamp: str, save: Callable[[BinaryIO], object], passed_over: Collection[str] = ()
) -> Path:
    """Let `save` fill a file, name it once it is on disk, and keep it and the one before it of what training continues
    from: not those passed over, of another stamp, or of a later step. Return its path.

    Raises OSError, with what was there before intact, if there is no room.
    """
    place = RunFolder(folder).checkpoints
    make_folder(place)
    path = write_named(place, save, lambda partial: f"step-{step:010d}-{stamp}-{digest(partial)}.ckpt")
    usable = [path]
    for each in checkpoints(folder):
        named = parts(each)
        if named[1] == stamp and int(named[0]) < step and each.name not in passed_over:
            usable.append(each)
    for old in set(checkpoints(folder)) - set(usable[:KEPT]):
        remove(old)
    return path


def newest(
    folder: Path, stamp: str, say: Callable[[str], object] = print, passed_over: dict[str, str] | None = None
) -> Path | None:
    """Return the newest sound checkpoint that has our stamp; None if training starts at its first step.

    A damaged one is removed; one by other code or packages is not continued from. The log names both.

    Args:
        passed_over: name -> why, of those not to continue from; those found here are added.
    """
    passed_over = {} if passed_over is None else passed_over
    for path in checkpoints(folder):
        if path.name in passed_over:
            continue
        _, written_by, content = parts(path)
        if written_by != stamp:
            why = "was written by other code, packages, device or instruction set: not continued from"
        elif is_damaged(path, content):
            why = "is damaged: going back to the one before"
            remove(path)
        else:
            return path
        passed_over[path.name] = why
        say(f"{path.name} {why}")
    return None


def parts(path: Path) -> tuple[str, ...]:
    """Return step, stamp and digest from the name of a checkpoint."""
    named = NAME.fullmatch(path.name)
    assert named is not None, "listed by its name"
    return named.groups()


def is_damaged(path: Path, content: str) -> bool:
    """Predicate: a checkpoint is no file that can be read, or has another digest than its name says."""
    try:
        return not path.is_file() or digest(path) != content
    except OSError:
        return True


def remove(path: Path) -> None:
    """Remove a checkpoint, or what lies in its place; leave it if that is impossible."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass


def digest(path: Path) -> str:
    """Return 12 hex digits of the sha256 of a file's bytes; none if there is no such file."""
    return (file_hash(path) or "")[:12]
