import pytest

from dropgrid.files import write_atomically


def test_a_failing_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(beside):
        beside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_file_appears_whole_in_folders_that_are_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, lambda beside: beside.write_text("new"))
    assert path.read_text() == "new" and [p.name for p in path.parent.iterdir()] == ["b.txt"]
