"""The one place that opens files for writing: each appears whole, through no link, with the mode that umask leaves."""

import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TextIO

from dropgrid.errors import Damaged, UserError

ROOTS: set[Path] = set()
"""The outputs folders of this process: beneath them nothing is written through a link; they themselves may be one."""

SCRATCH: dict[Path, Path] = {}
"""Folder of a cell whose lease is held -> where its files are written before each gets its name.

Whoever takes the lease over removes the scratch folder first. A rename out of it then fails, at whatever moment the
process that lost the lease was held up, and however long: it can replace nothing any more."""

WITHOUT = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EMLINK}
"""How file systems refuse what they cannot do: hard links, fsync."""


class Lost(Exception):
    """Another process has taken over the cell: this one writes nothing more."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, durable: bool = True) -> None:
    """Let `write` fill a new file, then rename it: readers see the old file or the new one, also after a power cut.

    Args:
        durable: wait until the content is on disk; False for what nobody misses after a power cut.
    """
    place_file(path, write, os.replace, durable)


def write_once(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write atomically what vouches for the files beside it, unless it is there already: the first of two writers wins.

    What was renamed in the folder before is on disk first, then this file.
    """

    def link(partial: Path, path: Path) -> None:
        sync_folder(path.parent)
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in WITHOUT:
                raise
            if not os.path.lexists(path):  # without hard links: a cell's one writer is whoever holds its lease
                os.replace(partial, path)
        sync_folder(path.parent)
        partial.unlink(missing_ok=True)

    place_file(path, write, link, durable=True)


def write_named(folder: Path, write: Callable[[BinaryIO], object], name: Callable[[Path], str]) -> Path:
    """Let `write` fill a new file, give it the name that `name` makes of its content, durably; return its path."""
    named: list[Path] = []

    def rename(partial: Path, _: Path) -> None:
        named.append(folder / name(partial))
        refuse_links(named[0])
        os.replace(partial, named[0])
        sync_folder(folder)

    place_file(folder / "new", write, rename, durable=True)
    return named[0]


def place_file(
    path: Path, write: Callable[[BinaryIO], object], name: Callable[[Path, Path], object], durable: bool
) -> None:
    """Let `write` fill a hidden file, and `name` give it its name; if either fails, no file is left.

    Uses as few file operations as possible: thousands of cells share a file server.
    """
    partial = partial_file(path)
    try:
        with open_new(partial) as file:
            write(file)
            if durable:
                file.flush()
                sync(file.fileno())
        name(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        raise_if_lost(path, error)
        raise


def open_growing(path: Path) -> TextIO:
    """Open a new file for text that grows, and give it its name at once.

    Whoever has the file before it open, such as a process that lost the cell's lease, goes on writing to that one.
    """
    partial = partial_file(path)
    try:
        file = open_new(partial)
        os.replace(partial, path)
    except OSError as error:
        raise_if_lost(path, error)
        raise
    return io.TextIOWrapper(file, encoding="utf-8", newline="")


def partial_file(path: Path) -> Path:
    """Return a hidden path for what is to be renamed to `path`, in a folder that is there."""
    refuse_links(path)
    folder = scratch(path)
    if folder is None:
        make_folder(path.parent)
    return (folder or path.parent) / f".{path.name[:64]}.{secrets.token_hex(6)}"


def scratch(path: Path) -> Path | None:
    """Return the scratch folder of the cell that a path belongs to; None if this process holds no lease of it."""
    return next((SCRATCH[each] for each in path.parents if each in SCRATCH), None)


def raise_if_lost(path: Path, error: BaseException | None = None) -> None:
    """Raise Lost if the cell's scratch folder has been taken away; after a write that failed, if it failed for that."""
    folder = scratch(path)
    if (error is None or isinstance(error, OSError)) and folder is not None and not folder.exists():
        raise Lost(f"another command has taken over {path.parent}: nothing more is written here") from error


def open_new(path: Path) -> BinaryIO:
    """Open a file that is not there yet for writing; its mode is what the umask leaves."""
    return os.fdopen(open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")


def open_to_write(path: Path, flags: int) -> int:
    """Open a file; UserError if it is a link, a folder, a pipe or a device, which is not waited for."""
    refuse_links(path)
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise UserError(refusal(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UserError(refusal(path))
    return file


def open_to_read(path: Path) -> io.BufferedReader:
    """Open a file for reading; Damaged if it is a pipe or a device, which is not waited for."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Damaged(f"cannot read {path}: it is no plain file")
    return file


def stats_of(stat: os.stat_result) -> tuple[int, int, int, int]:
    """Return a file's size in bytes, the times of its last change of content and of inode in ns, and its inode: while
    they stay, so does its content."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def file_hash(path: Path) -> str | None:
    """Return 16 hex digits of the sha256 of a file's bytes; None if there is no such file."""
    try:
        with open_to_read(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except FileNotFoundError:
        return None


def copy_file(source: Path, target: Path) -> None:
    """Copy a file and its times, durably."""
    with open_to_read(source) as file:
        write_atomically(target, lambda copy: shutil.copyfileobj(file, copy))
        times = os.fstat(file.fileno())
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def refuse_links(path: Path) -> None:
    """Raise UserError if what is at a path, or between it and the outputs folder, is a link, a pipe or a device."""
    root = next((each for each in path.parents if each in ROOTS), None)
    for each in reversed([path, *path.parents[: len(path.parts) - len(root.parts) - 1]]) if root else [path]:
        try:
            mode = os.lstat(each).st_mode
        except OSError:  # what is not there is no link; what cannot be looked at cannot be written either
            return
        if root is None and stat.S_ISLNK(mode):
            return  # elsewhere links are the user's: a rename replaces them, O_NOFOLLOW refuses them
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise UserError(refusal(each))


def refuse_strange(folder: Path) -> None:
    """Raise UserError if anything in a folder of ours is a link, a pipe or a device."""
    with os.scandir(folder) as found:
        for each in found:
            if each.is_symlink() or not (each.is_file() or each.is_dir()):
                raise UserError(refusal(folder / each.name))


def refusal(path: Path) -> str:
    """Return why nothing is written to a path."""
    what = "a link" if path.is_symlink() else "no plain file"
    return f"{path} is {what}: nothing is written through it; remove it, or set paths.outputs or paths.cache"


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there; Lost in that of a cell that another process has taken."""
    refuse_links(path)
    if path != scratch(path):
        raise_if_lost(path)
    path.mkdir(parents=True, exist_ok=True)


def make_link(path: Path, target: str) -> None:
    """Make a symbolic link for people to follow, in the place of one that is there; none on file systems without."""
    make_folder(path.parent)
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(target)
    except OSError as error:
        if error.errno not in WITHOUT:
            raise


def move(old: Path, new: Path, *, durable: bool = True) -> Path:
    """Rename a folder; return where it is now."""
    refuse_links(new)
    os.rename(old, new)
    for each in {old.parent, new.parent} if durable else ():
        sync_folder(each)
    return new


def sync(file: int) -> None:
    """Wait until an open file is on disk, if its file system can say so."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in WITHOUT:
            raise


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk."""
    sync_files([path])


def sync_files(paths: Iterable[Path]) -> None:
    """Wait until files are on disk that were written without waiting; those that are not there are passed over."""
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        try:
            sync(file)
        finally:
            os.close(file)
