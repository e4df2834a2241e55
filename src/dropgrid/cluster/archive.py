"""A cell's files as bytes, between machines that share no folder."""

import io
import tarfile
import tempfile
from pathlib import Path

from dropgrid.files import copy_file, make_folder
from dropgrid.store.import_cell import import_cell
from dropgrid.store.layout import LEFT_BEHIND, LEFT_BY_FAILURE, Outputs, RunFolder
from dropgrid.store.records import is_finished


def pack_files(outputs: Path, cell: str) -> bytes:
    """Return the files of a cell that finished or failed, as a tar."""
    run, file = Outputs(outputs).run(cell), io.BytesIO()
    folder, finished = run.folder, is_finished(run)
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            ours = inside.parts[0] not in LEFT_BEHIND and not inside.parts[0].startswith(".")
            wanted = ours if finished else str(inside) in LEFT_BY_FAILURE
            if path.is_file() and not path.is_symlink() and wanted:  # a link may lead to what only this machine has
                tar.add(path, inside)
    return file.getvalue()


def unpack_files(files: bytes, outputs: Path, cell: str) -> str:
    """Put a cell's files into its folder, all of them or none; return why not, or nothing."""
    ours = Outputs(outputs).run(cell).folder
    make_folder(ours.parent)
    with tempfile.TemporaryDirectory(dir=outputs, prefix=".brought-") as beside:
        theirs = Outputs(Path(beside)).run(cell).folder  # a result is read in a folder of its cell's name
        with tarfile.open(fileobj=io.BytesIO(files)) as tar:
            tar.extractall(theirs, filter="data")
        if is_finished(RunFolder(theirs)):
            return import_cell(theirs, ours, yes=True)
        for name in LEFT_BY_FAILURE:
            if (theirs / name).exists():
                copy_file(theirs / name, ours / name)
    return ""
