"""Atomic writes: a file appears complete, or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it: readers see the old file or the new one."""
    with beside(path) as partial:
        write(partial)
        partial.chmod(0o644)
        os.replace(partial, path)


def write_once(path: Path, write: Callable[[Path], object]) -> None:
    """Write atomically and durably, unless the file exists already: the first of two writers wins."""
    with beside(path) as partial:
        write(partial)
        partial.chmod(0o644)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        partial.unlink()


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a hidden file in the same folder; remove it if an exception passes.

    Uses as few file operations as possible: thousands of cells share a file server.
    """
    make = partial(tempfile.mkstemp, dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    try:
        descriptor, name = make()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = make()
    os.close(descriptor)
    try:
        yield Path(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
