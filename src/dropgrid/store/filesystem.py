"""What the file system of an outputs folder can do, found in one pass before anything trains there."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.files import make_folder, move, open_to_write, refuse_links, write_atomically
from dropgrid.store.layout import Outputs
from dropgrid.store.lease import lock

LONGEST = 120
"""Characters of the longest name that dropgrid gives a file or folder itself."""

ANOTHER = "name another folder, as paths.outputs=DIR"


def probe(outputs: Path, room: int, names: Iterable[str]) -> list[str]:
    """Try in an outputs folder what training needs; return what works otherwise there, a line each.

    Args:
        room: bytes that the largest cell needs at least.
        names: of ablations, for file systems that do not tell `demo` from `Demo`.

    Raises:
        UserError: nothing can be trained there.
    """
    place = Outputs(outputs)
    for each in (place.runs, place.replaced):
        refuse_links(each)
    free = shutil.disk_usage(existing(outputs)).free
    if free < room:
        sizes = f"{free / 1e6:.3g} MB free, one cell needs {room / 1e6:.3g} MB"
        raise UserError(f"{outputs} has {sizes}: make room, or {ANOTHER}")
    folder = outputs / f".probe-{secrets.token_hex(6)}"
    try:
        make_folder(folder)
        return try_all(folder, place, names)
    except OSError as error:
        raise UserError(f"cannot train in {outputs}: {error.strerror or error}; {ANOTHER}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that is there."""
    return next(each for each in [path, *path.absolute().parents] if each.exists())


def try_all(folder: Path, place: Outputs, names: Iterable[str]) -> list[str]:
    """Try everything in an empty folder."""
    lines = []
    path = folder / ("n" * LONGEST)
    for content in (b"1", b"2"):  # a rename that replaces
        write_atomically(path, lambda file, content=content: file.write(content), durable=False)  # type: ignore[misc]
    if path.read_bytes() != b"2":
        raise OSError(errno.EIO, "a file that was replaced has its old content")
    try:
        os.close(open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        raise OSError(errno.ENOTSUP, "two processes can create one file")
    except FileExistsError:
        pass
    make_folder(folder / "before")
    move(folder / "before", folder / "after", durable=False)
    if not syncs(path):
        lines.append(f"{place.root} cannot wait for the disk (fsync): a power cut may cost cells that have finished")
    if not locks(path):
        lines.append(f"{place.root} has no file locks: cells of a killed command come free half a minute later")
    if os.path.lexists(folder / ("N" * LONGEST)):
        there = [*place.ablation_names, *names]
        alike = {name.lower(): name for name in there}
        if twice := next((name for name in there if alike[name.lower()] != name), None):
            raise UserError(f"{place.root} does not tell {twice!r} from {alike[twice.lower()]!r}: set another name=")
    return lines


def syncs(path: Path) -> bool:
    """Predicate: files and folders can be waited for until they are on disk."""
    for each in (path, path.parent):
        file = os.open(each, os.O_RDONLY)
        try:
            os.fsync(file)
        except OSError:
            return False
        finally:
            os.close(file)
    return True


def locks(path: Path) -> bool:
    """Predicate: file locks work, and exclude others."""
    file = open_to_write(path, os.O_RDWR)
    try:
        return lock(file, path) is True
    finally:
        os.close(file)
