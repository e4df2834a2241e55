"""Power cuts without a power switch: what a program does to a folder is recorded, and what a disk may hold is made."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Held = dict[str, bytes]
"""Path in the folder -> content."""

WAYS = ("no name that was not waited for", "every name, content cut", "the last name of each folder alone")
"""What a disk may hold of names and content that nobody has waited for: all that POSIX promises is what fsync did."""


class Recorder:
    """Records names given and taken in a folder, and what was waited for: fsync of a file, and of a folder."""

    def __init__(self, root: Path):
        self.root = root
        self.operations: list[tuple[Any, ...]] = []
        self.content: dict[int, bytes] = {}  # inode -> its content when last seen

    def inside(self, path: Any, folder: int | None = None) -> str | None:
        """The path in the folder; None for one elsewhere."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        at = Path(os.readlink(f"/proc/self/fd/{folder}")) if folder is not None else Path()
        full = os.path.abspath(at / os.fspath(path))
        return os.path.relpath(full, self.root) if full.startswith(f"{self.root}{os.sep}") else None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record what this process does."""
        with pytest.MonkeyPatch.context() as patched:
            real = {name: getattr(os, name) for name in ("open", "fsync", "rename", "replace", "link", "unlink")}

            def opened(path: Any, flags: int, *given: Any, **more: Any) -> int:
                file: int = real["open"](path, flags, *given, **more)
                if flags & os.O_CREAT and (name := self.inside(path, more.get("dir_fd"))):
                    self.note("name", name, os.fstat(file).st_ino)
                return file

            def synced(file: int) -> None:
                real["fsync"](file)
                name, about = self.inside(file), os.fstat(file)
                if name is not None and stat.S_ISDIR(about.st_mode):
                    self.note("folder", name)
                elif name is not None:
                    self.content[about.st_ino] = Path(f"/proc/self/fd/{file}").read_bytes()
                    self.note("file", about.st_ino, self.content[about.st_ino])

            def named(how: str) -> Any:
                def act(old: Any, new: Any, **more: Any) -> None:
                    one, two = self.inside(old), self.inside(new)
                    real[how](old, new, **more)
                    if one is None or two is None or os.path.isdir(new):
                        return
                    node = os.stat(new).st_ino
                    self.content[node] = Path(new).read_bytes()
                    self.note("name", two, node)
                    if how != "link":
                        self.note("no name", one)

                return act

            def removed(path: Any, *, dir_fd: int | None = None) -> None:
                name = self.inside(path, dir_fd)
                real["unlink"](path, dir_fd=dir_fd)
                if name:
                    self.note("no name", name)

            for name, act in (("open", opened), ("fsync", synced), ("unlink", removed), ("remove", removed)):
                patched.setattr(os, name, act)
            for how in ("rename", "replace", "link"):
                patched.setattr(os, how, named(how))
            yield

    def note(self, *operation: Any) -> None:
        self.operations.append(operation)

    def disks(self) -> Iterator[tuple[str, Held]]:
        """Every different content that the folder may have after a power cut at any moment, with when and how."""
        seen = set()
        for moment in range(len(self.operations) + 1):
            for way in WAYS:
                held = self.disk(moment, way)
                shown = hashlib.sha256(repr(sorted(held.items())).encode()).hexdigest()
                if shown not in seen:
                    seen.add(shown)
                    yield f"after {moment} operations, {way}", held

    def disk(self, moment: int, way: str) -> Held:
        """What the folder may hold if the power goes after some operations."""
        safe: dict[int, bytes] = {}  # inode -> content that was waited for
        names: dict[str, int] = {}  # those waited for
        waiting: dict[str, list[tuple[str, int | None]]] = {}  # folder -> its changes since
        for kind, *given in self.operations[:moment]:
            if kind == "file":
                safe[given[0]] = given[1]
            elif kind == "folder":
                for name, node in waiting.pop(given[0], []):
                    change(names, name, node)
            else:
                name = given[0]
                waiting.setdefault(os.path.dirname(name), []).append((name, given[1] if kind == "name" else None))
        for changes in waiting.values():
            for name, node in {WAYS[0]: [], WAYS[1]: changes, WAYS[2]: changes[-1:]}[way]:
                change(names, name, node)
        cut = {node: content[: len(content) // 2] for node, content in self.content.items()}
        return {name: safe.get(node, cut.get(node, b"")) for name, node in names.items()}


def change(names: dict[str, int], name: str, node: int | None) -> None:
    """Give a name to a file, or take it."""
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def made(held: Held, root: Path) -> None:
    """Write what a disk holds."""
    for name, content in held.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
