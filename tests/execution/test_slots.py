"""How many cells side by side, and on which GPU each."""

import pytest

from dropgrid.errors import UserError
from dropgrid.execution import slots as module
from dropgrid.execution.slots import slots, variables
from dropgrid.planning.plan import plans

TINY = ["data=fake", "trainer.max_epochs=1"]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch, tmp_path):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(module, "cores", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize("threads", ["0", "-1", "auto", "100000"])
def test_a_process_has_a_thread_and_no_more_than_end_it(threads):
    with pytest.raises(UserError, match="trainer.threads must be a whole number from 1 to 1024"):
        slots(*plans([*TINY, f"trainer.threads={threads}"]))


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        ([], 4),
        (["trainer.threads=2"], 2),
        (["trainer.threads=8"], 1),
        (["sweep.jobs=3"], 3),
        (["sweep.jobs=1", "trainer.threads=8"], 1),
        (["trainer=gpu"], 1),
    ],
)
def test_slots_times_threads_stay_within_the_cores(overrides, wanted):
    assert slots(plans([*TINY, *overrides])[0]) == wanted


@pytest.mark.parametrize("jobs", ["5", "0", "-1", "many", "2.5"])
def test_jobs_that_cannot_be_are_refused(jobs):
    with pytest.raises(UserError, match="sweep.jobs"):
        slots(plans([*TINY, f"sweep.jobs={jobs}"])[0])


def test_one_cell_a_gpu_and_several_on_request(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    (plan,) = plans([*TINY, "trainer=gpu", "trainer.threads=1"])
    assert slots(plan) == 2
    (several,) = plans([*TINY, "trainer=gpu", "trainer.threads=1", "sweep.jobs=4"])
    assert slots(several) == 4
    (shared,) = plans([*TINY, "trainer=gpu", "trainer.threads=1", "sweep.per_gpu=2"])
    assert slots(shared) == 4
    (bounded,) = plans([*TINY, "trainer=gpu", "trainer.threads=1", "sweep.per_gpu=3"])
    assert slots(bounded) == 4  # of 6: there are four cores
    seen = [variables(several.cells[0], slot)["CUDA_VISIBLE_DEVICES"] for slot in range(4)]
    assert seen == ["2", "5", "2", "5"]


@pytest.mark.parametrize("count", ["0", "-1", "auto", "1.5"])
def test_cells_of_a_gpu_that_cannot_be_are_refused(count):
    with pytest.raises(UserError, match="sweep.per_gpu must be a whole number, 1 or more"):
        slots(plans([*TINY, f"sweep.per_gpu={count}"])[0])


def test_cells_on_the_cpu_see_what_there_is():
    assert variables(plans(TINY)[0].cells[0], 0) == {}
