"""The content of files: a fingerprint of all, the sha256 of each, and what is not as it was when a cell was planned."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dropgrid.data import cache
from dropgrid.data.folder import in_turn, listed, printable

SETTLED = 2.0
"""Seconds since a file or folder last changed, without which what was read of it is not kept: file systems count time
in ticks, and a change in the tick of the reading would leave the same times."""


class Content(NamedTuple):
    """What files hold: names (N,) as bytes, the sha256 of each as uint8 (N, 32), and one fingerprint of both."""

    fingerprint: str
    names: np.ndarray
    sha256: np.ndarray


def current_content(root: Path, names: Sequence[bytes] | np.ndarray, stats: np.ndarray, kept: Path) -> Content:
    """The content of files under a root, kept until a name or the stats of a file change.

    Args:
        names: (N,), as bytes.
        stats: int64 (N, 4), as `dropgrid.files.stats_of` gives them; looked up before.
        kept: folder of the cache.
    """
    key = cache.digest_of(chain([os.fsencode(root)], in_turn(names), [stats.astype(np.int64).tobytes()]))
    settled = bool(stats[:, 2].max() < (time.time() - SETTLED) * 1e9)
    read: list[Content] = []

    def make() -> str:
        read.append(read_content(root, names))
        keep(kept, read[0])
        return read[0].fingerprint

    known = cache.fingerprint(kept, key, make, settled)
    found = read[0] if read else kept_content(kept, known)
    if found is None or not np.array_equal(found.names, np.asarray(names)):  # what was kept is damaged
        found = read_content(root, names)
        keep(kept, found)
    return found


def read_content(root: Path, names: Sequence[bytes] | np.ndarray) -> Content:
    """The content of files, every byte read now; ValueError names one that cannot be read."""
    folder = os.fsencode(root)

    def digests() -> Iterator[bytes]:
        for name in in_turn(names):
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    yield hashlib.file_digest(file, "sha256").digest()
            except OSError as error:
                raise ValueError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from error

    sha256 = np.frombuffer(b"".join(digests()), np.uint8).reshape(len(names), 32)
    return Content(fingerprint_of(names, sha256), np.asarray(names), sha256)


def fingerprint_of(names: Sequence[bytes] | np.ndarray, sha256: np.ndarray) -> str:
    """The fingerprint of files, from their names and the sha256 of each."""
    pairs = zip(in_turn(names), map(bytes, sha256), strict=True)
    return cache.digest_of(part for pair in pairs for part in pair)


def place_of(kept: Path, fingerprint: str) -> Path:
    """The file that keeps the sha256 of files with a fingerprint."""
    return kept / "contents" / f"{fingerprint}-{cache.FORMAT}.npy"


def keep(kept: Path, found: Content) -> None:
    """Keep a content, by which `differing` names the files that have changed since."""
    made = np.zeros(len(found.names), [("name", found.names.dtype), ("sha256", "u1", 32)])
    made["name"], made["sha256"] = found.names, found.sha256
    cache.save(place_of(kept, found.fingerprint), found.fingerprint, made)


def kept_content(kept: Path, fingerprint: str) -> Content | None:
    """The kept content that has a fingerprint; None if there is none, or it is damaged."""
    try:
        made = cache.load(place_of(kept, fingerprint), fingerprint)
        return Content(fingerprint, made["name"], made["sha256"])
    except Exception:  # np.load raises whatever its parser happened on
        return None


def differing(kept: Path, planned: str, now: Content) -> str:
    """Return which files are not as in the content of another fingerprint; empty if that is not kept."""
    before = kept_content(kept, planned)
    if before is None:
        return ""
    old, new = (dict(zip(each.names.tolist(), map(bytes, each.sha256), strict=True)) for each in (before, now))
    words = [
        (name, "is gone" if name not in new else "is new" if name not in old else "has changed")
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return printable(listed([f"{os.fsdecode(name)} {what}" for name, what in words]))


def refuse_changed(root: Path, known: Content) -> None:
    """Raise ValueError if files are no longer as they were: what was read of them since may be of others."""
    if read_content(root, known.names).fingerprint != known.fingerprint:
        raise ValueError(f"the files in {root} changed while they were read; run the command again once they stay")
