"""One look at an outputs folder before anything trains: what works otherwise, and what ends the command in a line."""

import errno
import fcntl
import os
import shutil
from collections import namedtuple

import pytest

from dropgrid.errors import UserError
from dropgrid.store.filesystem import probe

pytestmark = pytest.mark.survives("a file system without locks, hard links, fsync, room or long names")


def unsupported(number=errno.ENOTSUP):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_usual_file_system_needs_no_line_and_is_left_as_it_was(tmp_path):
    assert probe(tmp_path / "outputs", 10, ["demo", "Demo"]) == []
    assert not list((tmp_path / "outputs").iterdir())


@pytest.mark.parametrize(
    ("module", "name", "said"), [(fcntl, "flock", "no file locks"), (os, "fsync", "a power cut"), (os, "link", None)]
)
def test_what_lacks_works_otherwise(tmp_path, monkeypatch, module, name, said):
    monkeypatch.setattr(module, name, unsupported())
    lines = probe(tmp_path, 0, ["demo"])
    assert [said in line for line in lines] == [True] if said else not lines


def test_locks_that_exclude_nobody_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert ["no file locks" in line for line in probe(tmp_path, 0, [])] == [True]


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.ENAMETOOLONG])
@pytest.mark.parametrize("name", ["open", "rename", "replace", "mkdir"])
def test_what_cannot_be_done_otherwise_is_a_line(tmp_path, monkeypatch, name, number):
    real = os.open

    def refuse(path, flags, *given, **more):
        if flags & os.O_CREAT:
            unsupported(number)()
        return real(path, flags, *given, **more)

    monkeypatch.setattr(os, name, refuse if name == "open" else unsupported(number))
    with pytest.raises(UserError, match=f"cannot train in .*: {os.strerror(number)}; name another folder") as caught:
        probe(tmp_path, 0, [])
    assert len(str(caught.value).splitlines()) == 1
    monkeypatch.undo()
    shutil.rmtree(tmp_path)


def test_too_little_room_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "free")(5_000_000))
    with pytest.raises(UserError, match="has 5 MB free, one cell needs 7 MB: make room"):
        probe(tmp_path / "not" / "there", 7_000_000, [])
    assert not (tmp_path / "not").exists()
    assert probe(tmp_path, 4_000_000, []) == []


@pytest.mark.parametrize("name", ["runs", "replaced"])
def test_the_outputs_folder_may_be_a_link_and_its_folders_may_not(tmp_path, name):
    (tmp_path / "real").mkdir()
    (tmp_path / "outputs").symlink_to(tmp_path / "real")
    assert probe(tmp_path / "outputs", 0, []) == []
    (tmp_path / "real" / name).symlink_to(tmp_path)
    with pytest.raises(UserError, match=f"{name} is a link"):
        probe(tmp_path / "outputs", 0, [])


@pytest.mark.parametrize("names", [["demo", "Demo"], ["DEMO"]])
def test_names_that_differ_by_case_alone_are_refused_where_they_are_one_name(tmp_path, monkeypatch, names):
    (tmp_path / "ablations" / "demo").mkdir(parents=True)
    (tmp_path / "ablations" / "demo" / "cells.json").write_text("[]")
    assert probe(tmp_path, 0, names) == []
    real = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: "N" * 100 in str(path) or real(path))
    with pytest.raises(UserError, match=r"does not tell 'demo' from 'D"):
        probe(tmp_path, 0, names)
    assert probe(tmp_path, 0, ["demo"]) == []
