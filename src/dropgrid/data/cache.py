"""A cache of what was computed from files: fingerprints, and decoded arrays.

A cached file appears complete or not at all, may be deleted at any time, and is made anew if it cannot be read.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dropgrid.files import write_atomically

FORMAT = 1
"""Raised when the same files no longer give the same arrays or fingerprints: what is cached is then made anew."""


def digest(*parts: bytes | str) -> str:
    """sha256 of the parts, 16 hex digits; no two lists of parts run into one another."""
    return digest_of(parts)


def digest_of(parts: Iterable[bytes | str]) -> str:
    """Return the fingerprint of parts, of which there may be a million."""
    total = hashlib.sha256()
    for part in parts:
        data = os.fsencode(part)
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def fingerprint(cache: Path, key: str, make: Callable[[], str]) -> str:
    """The digest kept under `key`, made first if there is none."""
    path = cache / "fingerprints" / f"{key}-{FORMAT}"
    try:
        known = path.read_text()
    except (OSError, UnicodeDecodeError):
        known = ""
    if re.fullmatch("[0-9a-f]{16}", known):
        return known
    made = make()
    write_atomically(path, lambda beside: beside.write_text(made))
    return made


def arrays(
    cache: Path, key: str, names: Sequence[str], make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays kept under `key`, made first if one is missing or broken.

    They are mapped from disk, so that processes share the pages; writing to one changes the caller's copy only.
    """
    folder = cache / "arrays" / f"{key}-{FORMAT}"
    try:
        return mapped(folder, names)
    except Exception:  # np.load raises whatever its parser happened on: OSError, ValueError, TokenError, …
        made = make()
    for name in names:
        write_atomically(folder / f"{name}.npy", lambda beside, array=made[name]: np.save(beside, array))  # type: ignore[misc]
    return mapped(folder, names)


def mapped(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays of a folder."""
    return {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in names}
