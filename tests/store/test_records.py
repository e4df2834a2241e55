import pytest

from dropgrid.errors import UserError
from dropgrid.store.files import read_json, write_json, write_yaml
from dropgrid.store.identity import FORMAT, cell_id, complete
from dropgrid.store.layout import Outputs
from dropgrid.store.records import read_parts
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


@pytest.mark.parametrize("norm", ["4e30", True, None, [1.0]])
def test_what_is_no_number_was_not_measured(norm):
    assert "metrics.norm" in misfit({"evaluate": "signal", "metrics": {"norm": norm}}, MEASURED)
