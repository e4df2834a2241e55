"""The command: configurations side by side, at initialisation, on the way, and of what is trained."""

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml

from dropgrid.cli.diagnose import main
from dropgrid.instantiate import instantiate
from dropgrid.measure.diagnosis import Diagnosis
from dropgrid.paths import CONF
from dropgrid.planning.diagnostics import requested_diagnostics
from dropgrid.planning.plan import plans
from dropgrid.training.train import Trial

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=2"]
FEW = ["diagnose.images=8"]


@pytest.fixture
def diagnose(tmp_path, capsys):
    """Runs the command; exit code, what it printed, what it complained of."""

    def run(*words):
        code = main([*words, f"paths.outputs={tmp_path}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.outputs = tmp_path  # type: ignore[attr-defined]  # for the tests to read
    return run


def found(path):
    return json.loads(path.read_text())["found"]


def test_configurations_stand_side_by_side_and_nothing_else_is_left(diagnose):
    code, out, _ = diagnose("+diagnose=signal,gradient", *TINY, "norm=batch,none", "name=two", *FEW)
    folder = diagnose.outputs / "diagnostics" / "two"
    assert code == 0 and "norm=batch" in out and "signal before training" in out
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.{kind}" for name in ("gradient", "signal") for kind in ("json", "png")
    ]
    assert all(str(path) in out for path in folder.iterdir())
    assert [(each["configuration"], each["step"]) for each in found(folder / "signal.json")] == [
        ("norm=batch", 0),
        ("norm=none", 0),
    ]
    assert sorted(path.name for path in diagnose.outputs.iterdir() if path.name != ".cache") == ["diagnostics"]


def test_it_looks_at_the_cell_as_its_own_training_makes_it(diagnose):
    code, *_ = diagnose("+diagnose=weights_by_depth", "diagnose.steps=5", "diagnose.every=2", *TINY, "name=way")
    assert code == 0
    seen = found(diagnose.outputs / "diagnostics" / "way" / "weights_by_depth.json")
    assert [each["step"] for each in seen] == [0, 2, 4, 5]
    cell = plans([*TINY, f"paths.outputs={diagnose.outputs}"])[0]
    trial = Trial(cell.supervised(cell.cells[0]), diagnose.outputs / "by_hand", [])
    weights = {}

    def remember(trainer, *_):
        weights[trainer.global_step] = float(trial.network.conv1.weight.detach().norm())

    (diagnose.outputs / "by_hand").mkdir()
    trial.best.on_train_batch_start = remember
    trial.fit()
    for each in seen:
        assert each["arrays"]["norms"][0] == pytest.approx(weights[each["step"]], rel=1e-6)
    assert weights[0] != weights[5]


def finished(outputs, watch):
    """A cell trained in this process; its id."""
    plan = plans([*TINY, f"paths.outputs={outputs}", "name=done"])[0]
    job = plan.supervised(plan.cells[0])
    folder = outputs / "runs" / job["id"]
    folder.mkdir(parents=True)
    for part in ("config", "local"):
        (folder / f"{part}.yaml").write_text(yaml.safe_dump(job[part]))
    trial = Trial(job, folder, [])
    if watch:
        options = {"signal": yaml.safe_load((CONF / "diagnose" / "signal.yaml").read_text())}
        node = {"_target_": f"{Diagnosis.__module__}.Diagnosis", "every": 3, "images": 8, **options}
        watching = instantiate("diagnosis", node, folder=folder, split=trial.splits.train, lr=0.1)
        trial.trainer.callbacks.append(watching)  # type: ignore[attr-defined]  # Lightning sets it without a type
    trial.fit()
    trial.write(trial.measure())
    return job["id"], trial


def test_a_finished_cell_is_looked_at_with_what_its_training_recorded(diagnose):
    cell, trial = finished(diagnose.outputs, watch=True)
    code, out, said = diagnose("+diagnose=signal,weights_by_depth", "--cell", cell)
    folder = diagnose.outputs / "diagnostics" / cell
    assert code == 0, said
    assert "after 8 steps" in out
    assert [each["step"] for each in found(folder / "signal.json")] == [0, 3, 6, 8]
    (last,) = found(folder / "weights_by_depth.json")
    assert last["step"] == 8
    assert last["arrays"]["norms"][0] == pytest.approx(float(trial.last["conv1.weight"].norm()))
    code, *_ = diagnose("+diagnose=signal", "diagnose.images=16", "--cell", cell)
    assert code == 0 and [each["step"] for each in found(folder / "signal.json")] == [8]


def test_rates_are_drawn_side_by_side_and_are_those_that_training_has(diagnose):
    chosen = ["lr_schedule=cosine,one_cycle", "lr_schedule.warmup=0.25", "trainer.accumulate_grad_batches=2"]
    code, out, _ = diagnose("lr", *TINY, *chosen, "name=rates")
    folder = diagnose.outputs / "diagnostics" / "rates"
    assert code == 0 and sorted(path.name for path in folder.iterdir()) == ["lr.json", "lr.png"]
    drawn = {each["configuration"]: each["arrays"]["rates"] for each in found(folder / "lr.json")}
    assert [*drawn] == ["lr_schedule=cosine", "lr_schedule=one_cycle"] and "Rate, highest" in out
    plan = plans([*TINY, *chosen[1:], "lr_schedule=one_cycle", f"paths.outputs={diagnose.outputs}"])[0]
    (diagnose.outputs / "by_hand").mkdir()
    trial = Trial(plan.supervised(plan.cells[0]), diagnose.outputs / "by_hand", [])
    rates = {}

    def remember(trainer, *_):
        rates[trainer.global_step] = trainer.optimizers[0].param_groups[0]["lr"]

    trial.best.on_before_optimizer_step = remember
    trial.fit()
    assert [*rates.values()] == drawn["lr_schedule=one_cycle"] and len(rates) == 4


def test_a_range_test_trains_from_the_initial_weights_for_as_many_steps_as_it_takes(diagnose):
    given = ["+diagnose=lr_find", "diagnose.points=12", "diagnose.high=1e-3", "diagnose.explode=1e9"]
    code, out, _ = diagnose(*given, *TINY, "optimizer=sam,sgd", "name=range")
    folder = diagnose.outputs / "diagnostics" / "range"
    assert code == 0 and sorted(path.name for path in folder.iterdir()) == ["lr_find.json", "lr_find.png"]
    assert "Rate, last one tried" in out
    both = {each["configuration"]: each["arrays"] for each in found(folder / "lr_find.json")}
    for arrays in both.values():
        assert arrays["rates"] == pytest.approx(np.geomspace(1e-5, 1e-3, 12)) and len(arrays["loss"]) == 12
    first = [arrays["loss"][0] for arrays in both.values()]  # the same weights, images and masks
    assert first[0] == first[1] and both["optimizer=sam"]["loss"] != both["optimizer=sgd"]["loss"]
    assert sorted(path.name for path in diagnose.outputs.iterdir() if path.name != ".cache") == ["diagnostics"]


def test_all_are_those_of_a_network():
    assert {each.name for each in requested_diagnostics(["+diagnose=all"])} >= {"signal", "hessian"}
    assert all(each.images is not None for each in requested_diagnostics(["+diagnose=all"]))


def test_what_is_no_number_is_null_in_json(diagnose):
    with np.errstate(all="ignore"):
        code, *_ = diagnose("+diagnose=gradient", *TINY, "norm=none", "diagnose.lr=1e30", "name=far", *FEW)
    (seen,) = found(diagnose.outputs / "diagnostics" / "far" / "gradient.json")
    assert code == 0 and None in seen["arrays"]["loss"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["+diagnose=signl"], "there is no diagnostic 'signl'; did you mean 'signal'?; all, or: gradient, hessian"),
        (["diagnose.satured=0.9"], "there is no key diagnose.satured; did you mean 'saturated'?; keys: "),
        (["diagnose.steps=-1"], "diagnose.steps must be a whole number, 0 or more, got -1"),
        (["diagnose.every=0"], "diagnose.every must be a whole number, 1 or more, got 0"),
        (
            ["diagnose.steps=0,5"],
            "diagnose.steps=0,5: diagnose.* keys take one value each; only configurations can be swept",
        ),
        (["diagnose.images=x", *TINY], "diagnose.images must be a whole number, 1 or more, got 'x'"),
        (["diagnose.saturated=2", *TINY, *FEW], "saturated must be a number in (0, 1), got 2"),
        (["diagnose.steps=9", *TINY, *FEW], "diagnose.steps=9: the training of"),
        (["norm=batchh"], "norm has no option 'batchh'; did you mean 'batch'?"),
        (["--cell", "0123"], "no finished cell or ablation '0123' in"),
        (["--cell", "0123", "norm=none"], "norm=none: only diagnose.* keys"),
        (["--cell", "0123", "diagnose.steps=3"], "diagnose.steps=3: only diagnose.* keys"),
        (["--weights", "best"], "--weights needs a finished cell"),
        (["lr_fnd"], "there is no diagnostic 'lr_fnd'; did you mean 'lr_find'?"),
        (["lr", "--cell", "0123"], "lr examines a training before its first step; --cell takes finished cells"),
        (["lr", "diagnose.steps=3"], "there is no key diagnose.steps; keys: none"),
        (["lr", *TINY, "lr_schedule=cosine,plateau"], "lr_schedule=plateau follows the validation metric"),
    ],
)
def test_a_mistake_costs_a_line_and_exit_code_2(diagnose, words, told):
    code, _, said = diagnose(*words)
    assert code == 2 and told in said and len(said.splitlines()) == 1, said
    assert not (diagnose.outputs / "diagnostics").exists()


def test_the_command_needs_no_torch_until_it_measures():
    code = "import sys, dropgrid.cli.diagnose; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
