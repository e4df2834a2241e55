"""Cells of FORMAT 2 are taken over under the ids that plans give them now: the same weights, nothing trained."""

import json

import numpy as np
import pytest
import yaml

from dropgrid.cli.merge import main
from dropgrid.cli.status import main as status
from dropgrid.planning.evaluations import compose_evaluation
from dropgrid.planning.plan import plans
from dropgrid.store.earlier_format import earlier_cells, todays_config
from dropgrid.store.identity import cell_id, treatment_id
from dropgrid.store.layout import Outputs

LINE = ["data=fake", "regularizer=dropblock", "+regularizer@regularizer_2=drop_path", "activation=gelu", "name=old"]


def as_format_2(config):
    """A config as FORMAT 2 wrote it: import paths, in the rooms of then."""
    paths = {
        "data": "dropgrid.data.fake.Fake",
        "model": "dropgrid.models.resnet.ResNet",
        "regularizer": "dropgrid.regularizers.dropblock.dropblock",
        "regularizer_2": "dropgrid.regularizers.drop_path.drop_path",
        "norm": "dropgrid.norms.batch.batch",
        "init": "dropgrid.initializers.kaiming.kaiming",
        "optimizer": "dropgrid.optimizers.nesterov.nesterov",
        "lr_schedule": "dropgrid.lr_schedules.cosine.cosine",
        "augment": "dropgrid.augments.none.none",
        "penalty": "dropgrid.penalties.none.NoPenalty",
        "average": "dropgrid.averages.none.NoAverage",
    }
    found = {}
    for axis, node in config.items():
        if axis == "task" or node is None:
            continue
        if isinstance(node, dict) and "option" in node:
            values = {key: value for key, value in node.items() if key != "option"}
            found[axis] = {"_target_": paths.get(axis, node["option"]), "_partial_": True, **values}
        else:
            found[axis] = node
    return found | {key: None for key, node in config.items() if node is None}


@pytest.fixture
def old(tmp_path):
    """An outputs folder with one finished cell of FORMAT 2, as its commands left it; the cell as it is planned now."""
    outputs = Outputs(tmp_path / "old")
    (plan,) = plans([*LINE, f"paths.outputs='{outputs.root}'"])
    (cell,) = plan.cells
    run = outputs.run("0123456789abcdef")
    run.evaluations.mkdir(parents=True)
    run.config.write_text(yaml.safe_dump(as_format_2(cell.config), sort_keys=False))
    run.local.write_text(yaml.safe_dump({"logger": {"_target_": "dropgrid.loggers.csv.Csv", "_partial_": True}}))
    run.weights("last").write_bytes(b"weights")
    result = {"format": 2, "cell": "0123456789abcdef", "metrics": {"test/acc_last": 0.5}, "reproduce": "x", "seed": 0}
    run.result.write_text(json.dumps({**result, "weights": {"last": "hash"}, "provenance": {"source": "s"}}))
    measured = {"evaluate": "noise", "metrics": {"a": 1.0}, "headings": {"a": ["A", ""]}, "weights": "last"}
    node = compose_evaluation(["evaluate=noise"], outputs.root)[0].node
    target = {"_target_": "dropgrid.evaluations.noise.noise", "_partial_": True}
    node = {**target, **{key: value for key, value in node.items() if key != "option"}}
    place = run.evaluation("e" * 16)
    place.result.write_text(json.dumps({**measured, "config": {"evaluate": "noise", **node}, "arrays": ["x"]}))
    np.savez_compressed(place.arrays, x=np.arange(3))
    other = {"evaluate": "other_data", "_target_": "dropgrid.evaluations.other_data.other_data", "data": {"x": 1}}
    run.evaluation("f" * 16).result.write_text(json.dumps({**measured, "config": other}))
    folder = outputs.ablation("old")
    folder.folder.mkdir(parents=True)
    folder.about.write_text(
        json.dumps({"ablation": None, "name": "old", "baseline": cell.row, "metric": "test/acc_last"})
    )
    line = {**cell.line, "cell": "0123456789abcdef", "treatment": "t"}
    folder.cells.write_text(json.dumps([line]))
    return outputs, cell


def taken_over(outputs, capsys, *given):
    code = main([*map(str, given), f"paths.outputs={outputs}"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("inside", [False, True], ids=["from another folder", "inside the folder"])
def test_a_cell_is_taken_over_under_the_id_that_a_plan_gives_it(old, tmp_path, capsys, inside):
    outputs, cell = old
    here = outputs if inside else Outputs(tmp_path / "new")
    code, out, err = taken_over(here.root, capsys, outputs.root, "--yes")
    assert (code, err) == (0, "") and "1 cell of FORMAT 2" in out
    run = here.run(cell.id)
    result = json.loads(run.result.read_text())
    assert result["format"] == 3 and result["cell"] == cell.id and result["metrics"] == {"test/acc_last": 0.5}
    assert result["provenance"] == {"source": "s", "format_2": "0123456789abcdef"}
    assert run.weights("last").read_bytes() == b"weights"
    assert yaml.safe_load(run.config.read_text()) == cell.config
    (line,) = json.loads(here.ablation("old").cells.read_text())
    assert line["cell"] == cell.id and line["treatment"] == treatment_id(cell.config)
    link = here.ablation("old").link("", cell.row, 0)
    assert link.resolve() == run.folder.resolve()
    (plan,) = plans([*LINE, f"paths.outputs='{here.root}'"])
    assert plan.cells[0].result is not None


def test_an_evaluation_is_found_under_its_new_id_unless_it_was_of_other_data(old, tmp_path, capsys):
    outputs, cell = old
    here = Outputs(tmp_path / "new")
    taken_over(here.root, capsys, outputs.root, "--yes")
    evaluation, _ = compose_evaluation(["evaluate=noise"], here.root)
    place = here.run(cell.id).evaluation(evaluation.id)
    assert json.loads(place.result.read_text())["metrics"] == {"a": 1.0}
    with np.load(place.arrays) as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]
    assert here.run(cell.id).evaluation_results() == [place.result]


def test_without_yes_nothing_changes_and_twice_is_once(old, capsys):
    outputs, _ = old
    before = {path: path.read_bytes() for path in outputs.root.rglob("*") if path.is_file()}
    code, out, _ = taken_over(outputs.root, capsys, outputs.root)
    assert code == 0 and "1 cell to import" in out and "nothing was merged" in out
    assert before == {path: path.read_bytes() for path in outputs.root.rglob("*") if path.is_file()}
    taken_over(outputs.root, capsys, outputs.root, "--yes")
    code, out, _ = taken_over(outputs.root, capsys, outputs.root, "--yes")
    assert code == 0 and "0 cells imported" in out and "1 already finished here" in out
    assert sorted(each.name for each in outputs.root.iterdir()) == ["ablations", "runs"]


def test_a_constructor_that_is_gone_is_named_and_its_cell_left(old, capsys):
    outputs, _ = old
    path = outputs.run("0123456789abcdef").config
    path.write_text(path.read_text().replace("regularizers.dropblock.dropblock", "regularizers.gone.gone"))
    code, _, err = taken_over(outputs.root, capsys, outputs.root, "--yes")
    assert code == 1 and "cell 0123456789abcdef of FORMAT 2 is not taken over: regularizer:" in err
    assert earlier_cells(outputs) == ["0123456789abcdef"]


def test_code_of_ones_own_keeps_its_path():
    config = todays_config({"seed": 1, "regularizer": {"_target_": "my_lab.rows.drop", "_partial_": True, "p": 0.1}})
    assert config["regularizer"] == {"option": "my_lab.rows.drop", "p": 0.1}
    assert cell_id(config)


@pytest.mark.parametrize("line", [["old"], []])
def test_status_names_cells_of_the_earlier_format_and_the_command(old, capsys, line):
    outputs, _ = old
    assert status([*line, f"paths.outputs={outputs.root}"]) == 0
    assert f"1 finished cells are of FORMAT 2; without training, python scripts/merge.py {outputs.root} --yes" in (
        capsys.readouterr().out
    )
