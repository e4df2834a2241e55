import json

import pytest

from dropgrid.errors import UserError
from dropgrid.files import file_hash
from dropgrid.store.files import read_json, write_json, write_yaml
from dropgrid.store.identity import FORMAT, cell_id, complete
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.records import damage, read_parts, read_result, seal
from dropgrid.store.schemas import MEASURED, misfit


def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    (tmp_path / "cells.json").write_text("[{")
    with pytest.raises(UserError, match=r"cannot read .*cells\.json: not JSON .* remove it") as caught:
        read_json(tmp_path / "cells.json")
    assert len(str(caught.value).splitlines()) == 1


def test_reading_what_is_not_there(tmp_path):
    assert read_json(tmp_path / "no.json") is None


def test_a_runs_folder(tmp_path):
    assert Outputs(tmp_path).run("abc").folder == tmp_path / "runs" / "abc"


def test_the_config_of_another_cell_is_not_taken_for_a_cells_own(tmp_path):
    config = {"seed": 1, "optimizer": {"option": "sgd", "lr": 1e-7, "decay": float("inf")}}
    run = Outputs(tmp_path).run(cell_id(config))
    write_yaml(run.config, config), write_yaml(run.local, {})
    write_json(run.result, {"format": FORMAT, "cell": run.folder.name, "metrics": {}, "reproduce": ""})
    assert read_parts(run.folder) == (complete(config), {})
    write_yaml(run.config, {**config, "seed": 2})
    with pytest.raises(UserError, match="it is the config of cell"):
        read_parts(run.folder)


@pytest.mark.parametrize("norm", [0.5, 4e30, -1e300, 10**25])
def test_a_measured_number_may_be_of_any_size(norm):
    assert misfit({"evaluate": "signal", "metrics": {"norm": norm}}, MEASURED) == ""


@pytest.mark.parametrize("norm", ["4e30", True, None, [1.0], 10**400])
def test_what_is_no_number_was_not_measured(norm):
    assert "metrics.norm" in misfit({"evaluate": "signal", "metrics": {"norm": norm}}, MEASURED)


@pytest.mark.parametrize(
    "edit",
    [
        lambda result: result["metrics"].update({"test/acc_last": 0.99}),
        lambda result: result.update(metrics={}),
        lambda result: result.update(seed=5),
        lambda result: result.pop("files"),
        lambda result: result.pop("cell"),
    ],
)
def test_a_result_that_was_edited_is_none(tmp_path, edit):
    run = RunFolder(tmp_path / ("a" * 16))
    run.folder.mkdir()
    result = {"cell": "a" * 16, "seed": 0, "metrics": {"test/acc_last": 0.5}, "files": {}, "reproduce": ""}
    whole = {**result, "timing": {"total_seconds": 1.0}, "seal": seal(result)}
    run.result.write_text(json.dumps(whole))
    assert read_result(run) == whole and damage(run) is None
    edit(whole)
    run.result.write_text(json.dumps(whole))
    assert read_result(run) is None and "was edited" in damage(run)["message"]


def test_a_config_that_was_edited_makes_a_result_none(tmp_path):
    run = RunFolder(tmp_path / ("a" * 16))
    run.folder.mkdir()
    run.config.write_text("keep_prob: 0.9")
    result = {"metrics": {}, "files": {"config.yaml": file_hash(run.config)}, "reproduce": ""}
    run.result.write_text(json.dumps(result))
    assert read_result(run) == result
    run.config.write_text("keep_prob: 0.5")
    assert read_result(run) is None and "config.yaml: it is not the file" in damage(run)["message"]
