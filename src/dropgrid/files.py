"""Files that appear whole, or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: a reader sees the old file, or all of the new one."""
    with beside(path) as partial:
        write(partial)
        partial.chmod(0o644)
        os.replace(partial, path)


def write_once(path: Path, write: Callable[[Path], object]) -> None:
    """The same, durably, and only where there is no such file yet: of two writers the first has written."""
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
    """A hidden file in the same folder, gone where an exception passes.

    No more operations than it takes: thousands of cells share a file server.
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
