"""The one reader and writer of npz files."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from dropgrid.errors import UserError
from dropgrid.files import write_atomically


def read_arrays(path: Path, remedy: str, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by name, or those of `names`; UserError names a file that is damaged.

    Args:
        remedy: what to do about a damaged file, as the error says it.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no plain file")
        with open(path, "rb") as opened, np.load(opened) as file:
            return {name: file[name] for name in (file.files if names is None else names)}
    except Exception as error:  # np.load raises whatever its parsers happened on
        raise UserError(f"cannot read {path}: {error}; {remedy}") from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed npz file, atomically."""
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
