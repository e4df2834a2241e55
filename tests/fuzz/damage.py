"""Ways to damage a file, or to write one that means harm."""

import io
import json
import os
import pickle
import random
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from fakes import ROWS, Fake
from hostile import ESCAPE


def damaged(data: bytes, how: random.Random) -> bytes:
    """The bytes cut, flipped, repeated, emptied, or followed by others."""
    kind = how.randrange(6)
    if kind == 0:
        return data[: how.randrange(len(data) + 1)]
    if kind == 1:
        changed = bytearray(data)
        for _ in range(how.randrange(1, 8)):
            changed[how.randrange(len(changed))] = how.randrange(256)
        return bytes(changed)
    if kind == 2:
        at = how.randrange(len(data))
        return data[:at] + how.randbytes(how.randrange(1, 64)) + data[at:]
    if kind == 3:
        return how.randbytes(how.randrange(0, 400))
    if kind == 4:
        start = how.randrange(len(data))
        return data[:start] + data[start + how.randrange(1, 200) :]
    return data + data[: how.randrange(len(data))]


def in_place_of(path: Path, how: random.Random) -> None:
    """Put something that is no such file in the place of one."""
    path.unlink()
    kind = how.randrange(7)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to(path.name)
    elif kind == 3:
        path.symlink_to("nothing")
    elif kind == 4:
        path.symlink_to("/dev/null" if how.random() < 0.5 else "/proc/self/mem")
    elif kind == 5:
        path.symlink_to("..")
    # else: nothing is there


def restore(path: Path, sound: bytes) -> None:
    """Put a file in its place again."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound)


class Runs:
    """Unpickled, it runs a command."""

    def __reduce__(self):
        return (eval, (f"__import__('os').system('touch {ESCAPE}')",))


def hostile_pickles() -> list[bytes]:
    """Pickles that run code where they are trusted, alone and as torch wraps them."""
    plain = [pickle.dumps(Runs(), protocol) for protocol in (0, 2, 4)]
    wrapped = []
    for each in plain:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", each)
            archive.writestr("archive/version", "3\n")
        wrapped.append(file.getvalue())
    return [*plain, *wrapped]


def leaving_zip() -> bytes:
    """An archive whose members would lie elsewhere."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"../../..{ESCAPE}", "x")
        archive.writestr(str(ESCAPE), "x")
    return file.getvalue()


def npy(shape: str, kind: str = "<f4") -> bytes:
    """An .npy that promises more than it has."""
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n" + b"\0" * 16


def npz(**members: bytes) -> bytes:
    """An .npz of such members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    """A PNG that claims a size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def outputs(place):
    """A small ablation with a cell of each status."""
    fake = Fake(place)
    fake.about["claims"] = ["dropout - baseline > 0"]
    fake.add({name: ROWS[name] for name in ("baseline", "dropout", "dropblock_last")}, seeds=2)
    fake.cells[-1]["status"] = "failed"
    fake.predict(20, 3)
    fake.cells[0]["config"]["regularizer"]["keep_prob"] = 0.9
    for status, cell in zip(("running", "interrupted"), fake.cells[1:3], strict=True):
        cell["status"] = status
    fake.write()
    for cell in fake.cells:
        run = place / "runs" / cell["line"]["cell"]
        (run / "local.yaml").write_text("data: {}\npaths: {}\n")
        (run / "environment.json").write_text(json.dumps({"python": "3.11", "versions": {"torch": "2"}, "cores": 2}))
        (run / "evaluations").mkdir()
        measured: dict = {"evaluate": "calibration", "metrics": {"ece": 0.01}, "headings": {"ece": ["E"]}}
        (run / "evaluations" / "ab12.json").write_text(
            json.dumps({**measured, "config": {}, "arrays": [], "note": "n"})
        )
    folder = place / "ablations" / "demo"
    (folder / "claims.json").write_text(
        json.dumps({"claims": fake.about["claims"], "sha256": "0", "recorded": "x", "finished": 0, "cells": 6})
    )
    (folder / "evaluations.json").write_text(json.dumps({"asked": ["calibration"]}))
    return fake
