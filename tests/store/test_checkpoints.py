"""Whole or absent, the last two, and never a damaged or a foreign one."""

import os

import pytest

from dropgrid.store import checkpoints
from dropgrid.store.checkpoints import newest, write

OURS, OTHER = "a" * 12, "b" * 12


def written(folder, *steps, stamp=OURS):
    return [write(folder, step, stamp, lambda file, step=step: file.write(b"%d" % step * 100)) for step in steps]


def test_the_last_two_are_kept_and_the_newest_is_found(tmp_path):
    *_, before, last = written(tmp_path, 5, 10, 15, 100_000)
    assert checkpoints.checkpoints(tmp_path) == [last, before]
    assert newest(tmp_path, OURS) == last and last.name.startswith("step-0000100000-")
    assert sorted((tmp_path / "checkpoints").iterdir()) == sorted([before, last])


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"x" + b[1:], lambda b: b + b"\0"])
def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(tmp_path, damage):
    before, last = written(tmp_path, 1, 2)
    last.write_bytes(damage(last.read_bytes()))
    said = []
    assert newest(tmp_path, OURS, said.append) == before
    assert said == [f"{last.name} is damaged: going back to the one before"] and not last.exists()


def test_all_damaged_starts_over(tmp_path):
    for path in written(tmp_path, 1, 2):
        path.write_bytes(b"")
    assert newest(tmp_path, OURS) is None


def test_one_by_other_source_is_not_continued_from(tmp_path):
    (theirs,) = written(tmp_path, 7, stamp=OTHER)
    said = []
    assert newest(tmp_path, OURS, said.append) is None
    assert theirs.name in said[0] and "other code" in said[0]


def test_no_room_leaves_what_was_there(tmp_path):
    before = written(tmp_path, 1, 2)

    def full(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        write(tmp_path, 3, OURS, full)
    assert sorted((tmp_path / "checkpoints").iterdir()) == sorted(before)


def test_a_partial_one_of_a_killed_process_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".partial").write_bytes(b"half")
    assert newest(tmp_path, OURS) is None and not checkpoints.checkpoints(tmp_path)
    (first,) = written(tmp_path, 1)
    assert checkpoints.checkpoints(tmp_path) == [first]


def test_only_those_that_training_came_by_are_kept(tmp_path):
    """A run that began again, or went back, is at earlier steps than what it did not continue from."""
    written(tmp_path, 90, 100, stamp=OTHER)
    (bad,) = written(tmp_path, 80)
    kept = written(tmp_path, 5, 10)
    assert sorted(checkpoints.checkpoints(tmp_path)) == kept and not bad.exists()
    (passed_over,) = written(tmp_path, 15)
    last = write(tmp_path, 20, OURS, lambda file: file.write(b"20"), [passed_over.name])
    assert checkpoints.checkpoints(tmp_path) == [last, kept[-1]]


@pytest.mark.parametrize("thing", ["folder", "pipe", "broken link"])
def test_what_is_no_file_is_damaged(tmp_path, thing):
    before, last = written(tmp_path, 1, 2)
    last.unlink()
    {"folder": last.mkdir, "pipe": lambda: os.mkfifo(last), "broken link": lambda: last.symlink_to("nowhere")}[thing]()
    passed_over = {}
    assert newest(tmp_path, OURS, passed_over=passed_over) == before
    assert passed_over == {last.name: "is damaged: going back to the one before"} and not last.is_symlink()
