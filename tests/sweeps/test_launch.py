"""How many cells side by side, and what is written before the first."""

import json

import pytest

from dropgrid.errors import UserError
from dropgrid.sweeps import launch
from dropgrid.sweeps.plan import plans

TINY = ["data=fake", "trainer.max_epochs=1"]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch, tmp_path):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(launch, "cores", lambda: 4)


@pytest.mark.parametrize(
    ("overrides", "slots"),
    [
        ([], 4),
        (["trainer.threads=2"], 2),
        (["trainer.threads=8"], 1),
        (["sweep.jobs=3"], 3),
        (["sweep.jobs=1", "trainer.threads=8"], 1),
        (["trainer=gpu"], 1),
    ],
)
def test_slots_times_threads_stay_within_the_cores(overrides, slots):
    assert launch.slots(plans([*TINY, *overrides])[0]) == slots


@pytest.mark.parametrize("jobs", ["5", "0", "-1", "many", "2.5"])
def test_jobs_that_cannot_be_are_refused(jobs):
    with pytest.raises(UserError, match="sweep.jobs"):
        launch.slots(plans([*TINY, f"sweep.jobs={jobs}"])[0])


def test_the_ablations_folder_says_what_was_asked(tmp_path):
    (plan,) = plans(["+ablation=demo", "seed=0,1"])
    launch.write_plan(plan)
    folder = tmp_path / "ablations" / "demo"
    lines = json.loads((folder / "cells.json").read_text())
    assert len(lines) == len(plan.cells) and {"row", "factors", "seed", "cell", "overrides"} <= set(lines[0])
    about = json.loads((folder / "ablation.json").read_text())
    assert about["baseline"] == "baseline" and about["question"] and "rows" not in about
    link = folder / "cells" / "dropblock_last" / "seed1"
    assert link.is_symlink() and link.resolve().parent == (tmp_path / "runs").resolve()


def test_seeds_asked_for_earlier_stay_only_once_finished_and_of_the_same_rows(tmp_path):
    def ask(*overrides):
        (plan,) = plans([*TINY, "regularizer=none,dropout", "name=grow", *overrides])
        launch.write_plan(plan)
        return plan

    first = ask("seed=0")
    for cell in first.cells:
        (tmp_path / "runs" / cell.id).mkdir(parents=True)
        (tmp_path / "runs" / cell.id / "result.json").write_text("{}")

    def seeds():
        return sorted(line["seed"] for line in json.loads((tmp_path / "ablations/grow/cells.json").read_text()))

    ask("seed=1")
    assert seeds() == [0, 0, 1, 1]
    ask("seed=2")
    assert seeds() == [0, 0, 2, 2]  # seed 1 never finished
    ask("seed=2", "optimizer.lr=0.5")
    assert seeds() == [2, 2]  # other rows now
