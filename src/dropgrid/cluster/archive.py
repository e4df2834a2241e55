"""A cell's files as bytes, between machines that share no folder."""

import io
import shutil
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from dropgrid.files import write_atomically
from dropgrid.store.import_cell import bring
from dropgrid.store.records import run_folder

LEFT_THERE = ("lease", "state.json", "checkpoints")
"""What a finished cell does without."""

FAILED = ("failure.json", "log.txt")
"""What a failed cell leaves."""


def collect(outputs: Path, cell: str) -> bytes:
    """The files of a cell that is through, as a tar."""
    folder, file = run_folder(outputs, cell), io.BytesIO()
    finished = (folder / "result.json").exists()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            wanted = inside.parts[0] not in LEFT_THERE if finished else str(inside) in FAILED
            if path.is_file() and wanted:
                tar.add(path, inside)
    return file.getvalue()


def unload(files: bytes, outputs: Path, cell: str) -> str:
    """Put them where the cell belongs, whole or not at all; why not, or nothing."""
    ours = run_folder(outputs, cell)
    ours.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=outputs, prefix=".brought-") as beside:
        theirs = Path(beside)
        with tarfile.open(fileobj=io.BytesIO(files)) as tar:
            tar.extractall(theirs, filter="data")
        if (theirs / "result.json").exists():
            return bring(theirs, ours, yes=True)
        ours.mkdir(exist_ok=True)
        for name in FAILED:
            if (theirs / name).exists():
                write_atomically(ours / name, partial(shutil.copyfile, theirs / name))
    return ""
