import json

import pytest

from dropgrid.runs.folder import read_json, run_folder, write_atomically, write_json


def test_a_failing_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})

    def fail(beside):
        beside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_reading_what_is_not_there(tmp_path):
    assert read_json(tmp_path / "no.json") is None


def test_a_runs_folder(tmp_path):
    assert run_folder(tmp_path, "abc") == tmp_path / "runs" / "abc"
