from dropgrid.runs.folder import read_json, run_folder


def test_reading_what_is_not_there(tmp_path):
    assert read_json(tmp_path / "no.json") is None


def test_a_runs_folder(tmp_path):
    assert run_folder(tmp_path, "abc") == tmp_path / "runs" / "abc"
