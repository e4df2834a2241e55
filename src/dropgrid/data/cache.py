"""A cache of what was computed from files: fingerprints, and decoded arrays.

A cached file appears complete or not at all, may be deleted at any time, and is made anew if it is not what was written
under its key: each bears a checksum over key and content.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dropgrid.files import write_atomically

FORMAT = 2
"""Raised when the same files no longer give the same arrays or fingerprints: what is cached is then made anew."""


DIGITS, BLOCK = 16, 2**20
"""Hex digits of a digest; bytes that are read at once."""


def digest(*parts: bytes | str) -> str:
    """sha256 of the parts, 16 hex digits; no two lists of parts run into one another."""
    return digest_of(parts)


def digest_of(parts: Iterable[bytes | str]) -> str:
    """Return the fingerprint of parts, of which there may be a million."""
    total = hashlib.sha256()
    for part in parts:
        data = os.fsencode(part)
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:DIGITS]


def fingerprint(cache: Path, key: str, make: Callable[[], str], keep: bool = True) -> str:
    """The digest kept under `key`, made first if there is none; a made one is kept if it may be."""
    path = cache / "fingerprints" / f"{key}-{FORMAT}"
    try:
        known, _, checksum = path.read_text().partition(" ")
    except (OSError, UnicodeDecodeError):
        known = checksum = ""
    if checksum == digest(key, known):
        return known
    made = make()
    if keep:
        write_atomically(path, lambda file: file.write(f"{made} {digest(key, made)}".encode()))
    return made


def arrays(
    cache: Path, key: str, names: Sequence[str], make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays kept under `key`, made first if one is missing or not as it was written.

    They are mapped from disk, so that processes share the pages; writing to one changes the caller's copy only. Every
    byte is compared with the checksum.
    """
    folder = cache / "arrays" / f"{key}-{FORMAT}"
    try:
        return {name: load(folder / f"{name}.npy", f"{key}-{name}") for name in names}
    except Exception:  # np.load raises whatever its parser happened on: OSError, ValueError, TokenError, …
        made = make()
    for name in names:
        save(folder / f"{name}.npy", f"{key}-{name}", made[name])
    return {name: load(folder / f"{name}.npy", f"{key}-{name}") for name in names}


def save(path: Path, key: str, array: np.ndarray) -> None:
    """Write an array, and behind it a checksum over key and file."""

    def write(file: BinaryIO) -> None:
        hashed = Hashed(file)
        np.save(hashed, array)
        file.write(digest(key, hashed.total.digest()).encode())

    write_atomically(path, write)


class Hashed:
    """A file to write to, and the sha256 of what was written."""

    def __init__(self, file: BinaryIO):
        self.file, self.total = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write to the file."""
        self.total.update(data)
        return self.file.write(data)


def load(path: Path, key: str) -> np.ndarray:
    """Map an array that `save` wrote under this key; ValueError if it is another, or damaged."""
    length = path.stat().st_size - DIGITS
    with path.open("rb") as file:
        file.seek(max(0, length))
        checksum = file.read()
    if checksum != digest(key, sha256_of(path, length)).encode():
        raise ValueError(f"{path} is damaged")
    found: np.ndarray = np.load(path, mmap_mode="c")
    return found


def sha256_of(path: Path, length: int) -> bytes:
    """The sha256 of the first bytes of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(length, BLOCK))):
            total.update(block)
            length -= len(block)
    return total.digest()
