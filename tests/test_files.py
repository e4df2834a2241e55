"""Files appear whole or not at all, with the umask's mode, and through no link beneath an outputs folder."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid import files
from dropgrid.errors import UserError
from dropgrid.files import (
    Lost,
    copy_file,
    make_folder,
    move,
    open_growing,
    open_to_write,
    write_atomically,
    write_named,
    write_once,
)
from dropgrid.store.layout import Outputs

pytestmark = pytest.mark.survives(
    "a link, a pipe or no room in the place of a file; a writer held up before its rename"
)


def new(file):
    file.write(b"new")


SOURCE = Path(__file__)
WRITERS = {
    "atomically": lambda path: write_atomically(path, new),
    "once": lambda path: write_once(path, new),
    "named": lambda path: write_named(path.parent, new, lambda partial: path.name),
    "growing": lambda path: open_growing(path).close(),
    "opened": lambda path: os.close(open_to_write(path, os.O_WRONLY | os.O_CREAT)),
    "copied": lambda path: copy_file(SOURCE, path),
}


def test_a_failing_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_file_appears_whole_in_folders_that_are_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, new)
    assert path.read_text() == "new" and [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_the_first_of_two_writers_wins_also_without_hard_links(tmp_path, monkeypatch):
    for number in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, None):
        path = tmp_path / str(number)
        with monkeypatch.context() as patched:
            if number is not None:
                patched.setattr(os, "link", lambda *_, number=number: unsupported(number))
            write_once(path, new)
            write_once(path, lambda file: file.write(b"second"))
        assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 4


def unsupported(number):
    raise OSError(number, os.strerror(number))


def test_a_full_disk_is_not_taken_for_one_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: unsupported(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        write_once(tmp_path / "x", new)
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_fsync_is_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: unsupported(errno.EINVAL))
    write_once(tmp_path / "x", new)
    monkeypatch.setattr(os, "fsync", lambda _: unsupported(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        write_once(tmp_path / "y", new)


@pytest.fixture
def place(tmp_path):
    """A cell's folder in an outputs folder that is itself a link; beside it a folder of someone's."""
    (tmp_path / "real" / "runs" / "abc").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_text("old")
    outputs = tmp_path / "outputs"
    outputs.symlink_to(tmp_path / "real")
    return Outputs(outputs).run("abc").folder


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000, 0o027])
@pytest.mark.parametrize("how", WRITERS)
def test_the_umask_decides_the_mode(place, how, umask):
    before = os.umask(umask)
    try:
        WRITERS[how](place / "file")
        make_folder(place / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((place / "folder").stat().st_mode) == 0o777 & ~umask


def tree(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_text() for path in folder.rglob("*")}


@pytest.mark.parametrize("where", ["the file", "its folder", "the folder above", "dangling", "to a device"])
@pytest.mark.parametrize("how", WRITERS)
def test_nothing_is_written_through_a_link_beneath_the_outputs_folder(place, how, where):
    elsewhere = place.parents[2] / "elsewhere"
    path = place / "checkpoints" / "x"
    link, target = {
        "the file": (path, elsewhere / "kept"),
        "its folder": (path.parent, elsewhere),
        "the folder above": (place, elsewhere),
        "dangling": (path, elsewhere / "made"),
        "to a device": (path, "/dev/full"),
    }[where]
    place.rmdir() if link == place else link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    before = tree(elsewhere)
    with pytest.raises(UserError, match=rf"{link} is a link: nothing is written through it"):
        WRITERS[how](path)
    with pytest.raises(UserError, match="is a link"):
        make_folder(path if link != path else path / "deeper")
    assert tree(elsewhere) == before


@pytest.mark.parametrize("how", WRITERS)
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(place, how):
    os.mkfifo(place / "x")
    with pytest.raises(UserError, match="x is no plain file"):
        WRITERS[how](place / "x")


def test_a_pipe_is_not_copied_and_not_waited_for(place):
    os.mkfifo(place / "pipe")
    with pytest.raises(UserError, match="cannot read .*pipe: it is no plain file"):
        copy_file(place / "pipe", place / "x")


def test_a_folder_is_not_moved_through_a_link(place):
    (place.parents[1] / "replaced").symlink_to(place.parents[2] / "elsewhere")
    with pytest.raises(UserError, match="replaced is a link"):
        move(place, place.parents[1] / "replaced" / "abc")
    assert place.exists()


@pytest.mark.parametrize("how", ["atomically", "once", "named", "growing", "folder"])
def test_a_scratch_folder_that_is_taken_away_takes_all_names_with_it(place, how, monkeypatch):
    writers, scratch = {**WRITERS, "folder": make_folder}, place / ".attempt-ours"
    scratch.mkdir()
    monkeypatch.setitem(files.SCRATCH, place, scratch)
    writers[how](place / "first")
    assert {path.name for path in place.iterdir()} == {"first", scratch.name} and not list(scratch.iterdir())
    scratch.rename(place / ".attempt-theirs")
    with pytest.raises(Lost, match="another command has taken over"):
        writers[how](place / "second")
    assert not (place / "second").exists()


@pytest.mark.parametrize("moment", ["replace", "link"])
def test_a_writer_held_up_at_the_last_moment_names_nothing(place, moment, monkeypatch):
    scratch, real = place / ".attempt-ours", getattr(os, moment)
    scratch.mkdir()
    monkeypatch.setitem(files.SCRATCH, place, scratch)
    (place / "x").write_text("theirs") if moment == "replace" else None

    def held_up(*given):
        scratch.rename(place / ".attempt-theirs")  # all checks are done: only the name is missing
        real(*given)

    monkeypatch.setattr(os, moment, held_up)
    with pytest.raises(Lost):
        (write_atomically if moment == "replace" else write_once)(place / "x", new)
    assert not (place / "x").exists() or (place / "x").read_text() == "theirs"


def test_what_someone_has_open_is_not_what_the_next_writes(place):
    with open_growing(place / "metrics.csv") as mine, open_growing(place / "metrics.csv") as theirs:
        print("lost", file=mine, flush=True)
        print("kept", file=theirs, flush=True)
    assert (place / "metrics.csv").read_text() == "kept\n"


def test_elsewhere_links_are_the_user_s(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_atomically(tmp_path / "link" / "audit.html", new)
    assert (tmp_path / "there" / "audit.html").read_text() == "new"


def test_a_process_under_umask_077_leaves_private_files(tmp_path):
    code = "import sys, pathlib; from dropgrid.store.files import write_json; write_json(pathlib.Path(sys.argv[1]), 1)"
    line = [sys.executable, "-c", code, str(tmp_path / "x.json")]
    subprocess.run(line, check=True, preexec_fn=lambda: os.umask(0o077))
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600 and json.loads((tmp_path / "x.json").read_text())
