"""What a launcher's engine is asked for."""

import pytest

from dropgrid.cluster.allocation import KINDS, allocation
from dropgrid.errors import UserError
from dropgrid.planning.plan import plans

SLURM, RAY = ({"_target_": target} for target in KINDS)
CELLS = ["data=fake", "regularizer=none,dropout", "seed=range(5)"]


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def ask(*overrides, launcher=SLURM, **keys):
    (plan,) = plans([*CELLS, *overrides])
    return allocation(plan, plan.cells, {**launcher, **keys})


def test_every_cell_is_in_one_job_and_in_the_plans_order():
    (plan,) = plans([*CELLS, "sweep.cells_per_job=4"])
    asks = allocation(plan, plan.cells, SLURM)
    packs = asks.packs(plan.cells)
    assert [len(each) for each in packs] == [4, 4, 2] and asks.jobs == 3
    assert [cell for pack in packs for cell in pack] == plan.cells


def test_cores_are_those_of_the_cells_side_by_side():
    assert ask().cores == 1 and ask().settings["cpus_per_task"] == 1
    several = ask("sweep.cells_per_job=4", "sweep.jobs=3", "trainer.threads=2")
    assert (several.side, several.cores, several.settings["cpus_per_task"]) == (3, 6, 6)
    given = ask("sweep.cells_per_job=4", cpus_per_task=2)
    assert (given.side, given.cores) == (2, 2) and "cpus_per_task" not in given.settings
    assert ask("sweep.jobs=3").side == 1  # one cell a job


def test_a_gpu_is_asked_for_where_one_is_needed():
    assert ask("trainer=gpu").settings["gpus_per_node"] == 1
    assert "gpus_per_node" not in ask("trainer=gpu", gres="gpu:a100:1").settings
    assert ask("trainer=gpu", "sweep.per_gpu=2", "sweep.cells_per_job=6").side == 2
    assert ask("trainer=gpu", launcher=RAY).settings["ray.remote.num_gpus"] == 1


def test_what_the_user_set_stays():
    assert ask(max_num_timeout=3).settings.keys().isdisjoint({"max_num_timeout"})
    assert ask().settings["max_num_timeout"] == 100


def test_the_text_says_it():
    text = ask("sweep.cells_per_job=2", timeout_min=30, array_parallelism=3, cpus_per_task=2).text()
    assert text == (
        "asks SLURM for an array of 5 jobs, 3 at once, each 2 cores for 30 min and up to 2 cells, 2 side by side"
    )
    assert ask(launcher=RAY).text() == "asks Ray for 10 tasks, each 1 core and 1 cell"


@pytest.mark.parametrize("override", ["sweep.cells_per_job=0", "sweep.cells_per_job=many", "sweep.jobs=1.5"])
def test_what_cannot_be_is_refused_by_its_key(override):
    with pytest.raises(UserError, match=override.partition("=")[0]):
        ask(override)


def test_more_threads_than_a_job_has_cores_are_refused():
    with pytest.raises(UserError, match="need 4 cores, a job has 2"):
        ask("sweep.jobs=4", "sweep.cells_per_job=4", cpus_per_task=2)
