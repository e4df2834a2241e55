"""A cell's files as bytes, between machines that share no folder."""

import io
import shutil
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from dropgrid.files import write_atomically
from dropgrid.store.import_cell import import_cell
from dropgrid.store.layout import LEFT_BEHIND, LEFT_BY_FAILURE, Outputs, RunFolder


def pack_files(outputs: Path, cell: str) -> bytes:
    """Return the files of a cell that finished or failed, as a tar."""
    run, file = Outputs(outputs).run(cell), io.BytesIO()
    folder, finished = run.folder, run.finished
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            wanted = inside.parts[0] not in LEFT_BEHIND if finished else str(inside) in LEFT_BY_FAILURE
            if path.is_file() and wanted:
                tar.add(path, inside)
    return file.getvalue()


def unpack_files(files: bytes, outputs: Path, cell: str) -> str:
    """Put a cell's files into its folder, all of them or none; return why not, or nothing."""
    ours = Outputs(outputs).run(cell).folder
    ours.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=outputs, prefix=".brought-") as beside:
        theirs = Path(beside)
        with tarfile.open(fileobj=io.BytesIO(files)) as tar:
            tar.extractall(theirs, filter="data")
        if RunFolder(theirs).finished:
            return import_cell(theirs, ours, yes=True)
        ours.mkdir(exist_ok=True)
        for name in LEFT_BY_FAILURE:
            if (theirs / name).exists():
                write_atomically(ours / name, partial(shutil.copyfile, theirs / name))
    return ""
