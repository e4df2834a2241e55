"""`sweep.tune`: equal budgets on validation, then fresh seeds; the grid alone, and a real sweep."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dropgrid.errors import UserError
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.plan import plans
from dropgrid.planning.tune import judged, recorded, tuning_seeds, tuning_trials, with_overrides
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell, Known

ROOT = Path(__file__).parents[2]
ROWS = {"baseline": ["regularizer=none"], "dropout": ["regularizer=dropout", "regularizer.keep_prob=0.9"]}
SPACE = {
    "default": {"optimizer.lr": [0.05, 0.1, 0.2]},
    "dropout": {"regularizer.keep_prob": [0.9, 0.8], "regularizer.schedule": ["linear", "constant"]},
}


def test_every_row_gets_the_first_settings_of_its_grid():
    with hydra_context():
        found = tuning_trials(ROWS, SPACE, 3)
    assert list(found) == [
        "baseline | optimizer.lr=0.05",
        "baseline | optimizer.lr=0.1",
        "baseline | optimizer.lr=0.2",
        "dropout | regularizer.keep_prob=0.9, regularizer.schedule=linear",
        "dropout | regularizer.keep_prob=0.9, regularizer.schedule=constant",
        "dropout | regularizer.keep_prob=0.8, regularizer.schedule=linear",
    ]
    last = found["dropout | regularizer.keep_prob=0.8, regularizer.schedule=linear"]
    assert last == ["regularizer=dropout", "regularizer.keep_prob=0.8", "regularizer.schedule=linear"]


@pytest.mark.parametrize(
    ("space", "count", "message"),
    [
        (SPACE, 1, "a count of settings a row, 2 or more"),
        (SPACE, "all", "a count of settings a row"),
        (SPACE, 4, "row 'baseline' has 3 settings to try; every row gets as many"),
        (None, 2, "needs ablation.tune"),
        ({"cutout": {}}, 2, "names 'cutout', which is no row"),
        ({"dropout": {"regularizer.keep_prob": [0.9, 0.8]}}, 2, "for row 'baseline', nor as `default`"),
    ],
)
def test_unequal_budgets_and_typos_are_refused(space, count, message):
    with hydra_context(), pytest.raises(UserError, match=message):
        tuning_trials(ROWS, space, count)


def test_a_setting_replaces_what_the_row_said():
    with hydra_context():
        assert with_overrides(["+augment@augment_2=cutout", "augment_2.size=8"], ["augment_2.size=4"]) == [
            "+augment@augment_2=cutout",
            "augment_2.size=4",
        ]


def test_trials_have_seeds_of_their_own():
    assert tuning_seeds({"tune_seeds": 2}) == [1000, 1001]
    with pytest.raises(UserError, match="sweep.tune_seeds must be a whole number"):
        tuning_seeds({"tune_seeds": 0})


@pytest.mark.parametrize(
    ("metric", "chosen"), [("test/acc_last", "optimizer.lr=0.1"), ("test/acc_best", "optimizer.lr=0.2")]
)
def test_validation_chooses_whatever_the_test_set_says(tmp_path, metric, chosen):
    measured = {  # val/acc_last, val/acc_best, test/acc_last and test/acc_best, at two seeds
        "optimizer.lr=0.05": [(0.7, 0.8, 0.99, 0.99), (0.9, 0.9, 0.99, 0.99)],
        "optimizer.lr=0.1": [(0.85, 0.85, 0.1, 0.1), (0.85, 0.85, 0.1, 0.1)],
        "optimizer.lr=0.2": [(0.8, 0.9, 0.2, 0.2), (0.8, 0.9, 0.2, 0.2)],
        "optimizer.lr=0.4": [(1.0, 1.0, 0.3, 0.3)],  # and one trial that failed
    }
    names, cells = ("val/acc_last", "val/acc_best", "test/acc_last", "test/acc_best"), []
    for setting, trained in measured.items():
        for seed in (1000, 1001):
            cells.append(trial(tmp_path, f"{len(cells):016x}", setting, seed))
            if seed - 1000 < len(trained):
                finish(cells[-1], dict(zip(names, trained[seed - 1000], strict=True)))
    found = recorded(judged(Plan("t+tuning", {"metric": metric}, cells, tmp_path, 1, []), {}), 0)["dropout"]
    assert found["chosen"] == chosen and "rounds" not in found
    last = metric == "test/acc_last"
    assert [*found["tried"].values()] == [80 if last else 85, 85, 80 if last else 90, None]
    with pytest.raises(UserError, match="row 'dropout' cannot be tuned: none of its trials has val/acc_"):
        judged(Plan("t+tuning", {"metric": metric}, cells[-2:], tmp_path, 1, []), {})


def trial(outputs, id, setting, seed):
    """Return a trial's cell of the row `dropout`, by default of a sweep that halves nothing."""
    local = {"sweep": {"tune": 2, "tune_halving": False}}
    return Cell(id, f"dropout | {setting}", {}, seed, [], outputs / "runs" / id, Known(config={}, local=local))


def finish(cell, metrics):
    """Write a cell's result."""
    cell.run.folder.mkdir(parents=True, exist_ok=True)
    (cell.run.folder / "result.json").write_text(json.dumps({"reproduce": "", "metrics": metrics}))


TUNED_OTHERWISE = (
    *("dropout", "spatial_dropout", "drop_path", "label_smoothing", "dropblock", "dropblock_label_smoothing"),
)
HALVED = [
    *("+ablation=dropblock_table1", "data=fake", "data.size=8", "data.train=20", "data.val=10", "data.test=10"),
    *("sweep.tune_halving=true", "ablation.tune.default={optimizer.lr: [0.1, 0.2, 0.3, 0.4, 0.5]}"),
    *("trainer.max_epochs=40", "ablation.claims=[]", "name=t", "~ablation.rows.autoaugment"),
    *(f"~ablation.{part}.{row}" for row in TUNED_OTHERWISE for part in ("rows", "tune")),
]


def halved(tmp_path, count, best=lambda lr: -lr, fails=()):
    """Return, round by round, (epochs, rates tried of each row), and the plan of the rows; `best` ranks the rates."""
    line = [*HALVED, f"sweep.tune={count}", f"paths.outputs={tmp_path}"]
    (plan,), rounds, tuned = plans(line), [], {}
    while plan.trials is not None:
        assert plan.name == f"t+tuning_{len(rounds) + 1}" and plan.trials.tuned == tuned
        tried = {}
        for cell in plan.cells:
            row, _, setting = cell.row.partition(" | ")
            rate = float(setting.partition("=")[2])
            assert cell.config["optimizer"]["lr"] == rate
            tried.setdefault(row, []).append(rate)
            if rate not in fails:
                finish(cell, {"val/acc_last": best(rate)})
        (epochs,) = {cell.config["trainer"]["max_epochs"] for cell in plan.cells}
        assert len({str(each) for each in tried.values()}) == 1
        rounds.append((epochs, tried["baseline"]))
        tuned = judged(plan, tuned)
        (plan,) = plans(line, tuned)
    return rounds, plan


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        (2, [(20, [0.1, 0.2])]),
        (4, [(10, [0.1, 0.2, 0.3, 0.4]), (20, [0.1, 0.2])]),
        (5, [(5, [0.1, 0.2, 0.3, 0.4, 0.5]), (10, [0.1, 0.2, 0.3]), (20, [0.1, 0.2])]),
    ],
)
def test_halving_trains_the_better_half_for_twice_the_epochs(tmp_path, count, rounds):
    found, plan = halved(tmp_path, count)
    assert found == rounds
    assert {cell.config["optimizer"]["lr"] for cell in plan.cells} == {0.1}
    assert {cell.config["trainer"]["max_epochs"] for cell in plan.cells} == {40}
    about = plan.about["tuned"]["baseline"]
    assert about["chosen"] == "optimizer.lr=0.1" and about["rounds"] == [len(rates) for _, rates in rounds]
    assert len(about["tried"]) == count


def test_halving_keeps_the_better_ones_in_their_order_and_none_that_failed(tmp_path):
    found, plan = halved(tmp_path, 4, best=lambda lr: lr, fails=(0.4,))
    assert found[1][1] == [0.2, 0.3]
    assert plan.about["tuned"]["baseline"]["chosen"] == "optimizer.lr=0.3"
    assert plan.about["tuned"]["baseline"]["tried"]["optimizer.lr=0.4"] is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["trainer.max_epochs=3"], "trains for 3 epochs; 2 rounds need 4 at least"),
        (["sweep.tune=null"], "sweep.tune_halving=true halves the settings of sweep.tune=N: set both"),
        (["sweep.tune_halving=1"], "sweep.tune_halving must be true or false, got 1"),
        (["+trainer.max_steps=5"], "trains for fewer trainer.max_epochs, which do not end this training"),
    ],
)
def test_halving_what_cannot_be_halved_is_refused(more, says):
    replaced = {each.partition("=")[0] for each in more}
    line = [each for each in (*HALVED, "sweep.tune=4") if each.partition("=")[0] not in replaced]
    with pytest.raises(UserError, match=says):
        plans([*line, *more])


def test_settings_are_not_chosen_without_validation_images():
    line = [each for each in (*HALVED, "sweep.tune=4") if not each.startswith("data.val")]
    with pytest.raises(UserError, match="on validation images, and with data.val=0 .* these are none"):
        plans([*line, "data.val=0"])


def test_settings_are_not_chosen_on_the_test_images(tmp_path):
    for name in ("train/a/0", "train/b/0", "val/a/0", "val/b/0"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.jpg")
    line = [each for each in (*HALVED, "sweep.tune=4") if not each.startswith("data")]
    with pytest.raises(UserError, match="with data.val=test .* these are the test images"):
        plans([*line, "scale=imagenet", f"data.root={tmp_path}", "data.val=test", "data.batch_size=2"])


def test_a_sweep_without_an_ablation_has_nothing_to_tune():
    with pytest.raises(UserError, match="sweep.tune tries what an ablation lists as ablation.tune"):
        plans(["data=fake", "regularizer=none,dropblock", "sweep.tune=2"])


@pytest.mark.slow
@pytest.mark.parametrize("halving", [False, True])
def test_a_tuned_sweep_from_the_command_line(tmp_path, halving):
    """Trials, the choice, fresh seeds with it, the note; asked again nothing trains and the choice stays."""
    tiny = [
        "data=mnist5k",
        "data.train=100",
        "data.val=100",
        "data.test=100",
        "model.width=0.25",
        *(["trainer.max_epochs=2", "sweep.tune_halving=true"] if halving else ["trainer.max_epochs=1"]),
    ]
    keep = ["cutout", "autoaugment", "label_smoothing", "dropblock_label_smoothing", "spatial_dropout", "drop_path"]
    without = [f"~ablation.rows.{row}" for row in keep] + [f"~ablation.tune.{row}" for row in keep[2:]]
    line = [sys.executable, "scripts/train.py", "+ablation=dropblock_table1", *tiny, *without, "ablation.claims=[]"]
    line += ["sweep.tune=2", "sweep.seeds=2", "name=t", f"paths.outputs={tmp_path}"]
    first = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "6 of 6 done" in first.stdout and "is best on validation" in first.stdout
    about = json.loads((tmp_path / "ablations/t/ablation.json").read_text())
    assert set(about["tuned"]) == {"baseline", "dropout", "dropblock"}
    for row, found in about["tuned"].items():
        tried = found["tried"]
        assert len(tried) == 2 and tried[found["chosen"]] == max(tried.values())
        (key, _, value) = found["chosen"].rpartition("=")
        for each in json.loads((tmp_path / "ablations/t/cells.json").read_text()):
            if each["row"] == row:
                assert f"{key}={value}" in each["overrides"] and each["seed"] in (0, 1)
    trained = json.loads((tmp_path / f"ablations/t+tuning{'_1' * halving}/cells.json").read_text())
    assert {each["seed"] for each in trained} == {1000}
    how = " by halving (2 for 1/2 of its epochs)" if halving else ""
    assert f"Tuned on validation{how}, 2 settings a row" in (tmp_path / "ablations/t/table.md").read_text()
    again = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0 and "6 cells, 6 already finished" in again.stdout and "done" not in again.stdout
