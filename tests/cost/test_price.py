"""What is counted, what is measured, and when a sweep is refused."""

import json
import time

import pytest

from dropgrid.cli.plan import duration, timing_lines
from dropgrid.cost import price, probe
from dropgrid.cost.price import Pricing, budget_seconds, makespan, within_budget
from dropgrid.cost.probe import Pace, cost_class
from dropgrid.errors import UserError
from dropgrid.planning.plan import plans
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.layout import Outputs

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=2"]
SWEEP = [*TINY, "regularizer=none,dropblock", "seed=0,1,2"]


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.setattr("dropgrid.execution.slots.cores", lambda: 2)
    return tmp_path


@pytest.fixture
def probed(monkeypatch):
    """The cells that were probed, each found to take 1 + 2·10 + 3 seconds in 2 epochs."""
    asked = []

    def paces(plan, cells, slots):
        asked.extend(cells)
        return {cost_class(cell): Pace(1.0, 10.0, 3.0, 4) for cell in cells}

    monkeypatch.setattr(price, "measure_paces", paces)
    return asked


def finish(plan, cell, source=None, accuracy=0.9):
    """A result as training leaves it, in the parts that are read."""
    folder = Outputs(plan.outputs).run(cell.id).folder
    folder.mkdir(parents=True)
    provenance = {"source": source or source_fingerprint(), "finished": 1.0}
    result = {
        "metrics": {"test/acc_last": accuracy},
        "reproduce": cell.reproduce,
        "timing": {"total_seconds": 7.0},
        "provenance": provenance,
    }
    (folder / "result.json").write_text(json.dumps(result))


def test_finished_and_stale_cells_are_marked(probed):
    (plan,) = plans(SWEEP)
    finish(plan, plan.cells[0])
    finish(plan, plan.cells[1], source="older")
    found = Pricing().price(plan)
    assert (found.cells, found.distinct, found.finished, found.older, found.todo) == (6, 6, 2, 1, 4)
    first, second = found.lines
    assert (first.row, first.finished, first.older, first.todo) == ("regularizer=none", 2, 1, 1)
    assert (second.row, second.finished, second.older, second.todo) == ("regularizer=dropblock", 0, 0, 3)
    assert first.seconds == second.seconds == 24.0 and found.seconds == 48.0 and found.slots == 2
    assert found.files == 4 * first.facts.files and found.checkpoints == 2 * first.facts.checkpoints
    assert first.facts.sites == 0 < second.facts.sites


def test_stale_cells_are_counted_again_where_they_are_trained_again(probed):
    (plan,) = plans([*SWEEP, "sweep.rerun=stale"])
    finish(plan, plan.cells[0])
    finish(plan, plan.cells[1], source="older")
    found = Pricing().price(plan)
    assert (found.finished, found.older, found.todo) == (2, 1, 5)


def test_the_same_cell_twice_is_trained_once(probed):
    (plan,) = plans([*TINY, "regularizer=none,dropout"])
    twice = plan.__class__(**{**vars(plan), "cells": [*plan.cells, plan.cells[0]]})
    found = Pricing().price(twice)
    assert (found.cells, found.distinct, found.todo) == (3, 2, 2)


def test_what_one_plan_trains_the_next_need_not(probed):
    (plan,) = plans(SWEEP)
    pricing = Pricing()
    assert pricing.price(plan).todo == 6
    again = pricing.price(plan)
    assert (again.todo, again.seconds, again.files) == (0, 0.0, 0) and len(probed) == 2


def test_nothing_is_measured_where_all_is_finished(probed):
    (plan,) = plans(SWEEP)
    for cell in plan.cells:
        finish(plan, cell)
    found = Pricing().price(plan)
    assert found.todo == 0 and probed == [] and {line.seconds for line in found.lines} == {7.0}


def test_a_probe_for_each_kind_of_cell_and_the_most_sites_stand_for_it(probed):
    (plan,) = plans([*TINY, "regularizer=dropblock", "regularizer.groups=[-1],[-3,-2,-1]", "seed=0,1"])
    Pricing().price(plan)
    (cell,) = probed
    assert cell.config["regularizer"]["groups"] == [-3, -2, -1]


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        (["seed=0,1"], 1),
        (["trainer.max_epochs=1,2"], 1),
        (["optimizer.lr=0.1,0.2"], 1),
        (["lr_schedule=constant,cosine"], 1),
        (["data.batch_size=16,32"], 2),
        (["model=resnet14,resnet20"], 2),
        (["trainer.precision=32-true,bf16-mixed"], 2),
        (["trainer.channels_last=true,false"], 2),
        (["trainer.threads=1,2"], 2),
        (["regularizer=none,dropblock"], 2),
    ],
)
def test_what_makes_another_kind(more, kinds):
    (plan,) = plans([*TINY, *more])
    assert len(plan.cells) == 2 and len({cost_class(cell) for cell in plan.cells}) == kinds


def test_steps_end_training_where_they_come_first():
    (plan,) = plans([*TINY, "+trainer.max_steps=2"])
    assert Pace(1.0, 10.0, 3.0, 4).seconds(plan.cells[0]) == 1 + 0.5 * 10 + 3


def test_a_slot_takes_the_next_cell_when_it_is_free():
    assert makespan([4, 1, 1, 1], 2) == 4 and makespan([1, 1, 4], 2) == 5 and makespan([2, 3], 1) == 5
    assert makespan([], 2) == 0


@pytest.mark.parametrize(
    ("given", "seconds"), [("45s", 45), ("90m", 5400), ("2h", 7200), ("1.5d", 129600), ("0.5h", 1800), ("null", None)]
)
def test_budgets(given, seconds):
    assert budget_seconds(plans([*TINY, f"sweep.budget={given}"])[0]) == seconds


@pytest.mark.parametrize("given", ["90", "2 h", "h", "0h", "-1h", "2H", "2w", "true", "[2h]", "1e3s"])
def test_what_is_no_budget_is_named(given):
    (plan,) = plans([*TINY, f"sweep.budget={given}"])
    with pytest.raises(UserError, match="sweep.budget must be a time above 0 .* 45s, 90m, 2h or 1.5d") as caught:
        within_budget([plan])
    assert len(str(caught.value).splitlines()) == 1


def test_what_would_fit_is_named(probed):
    with pytest.raises(UserError) as caught:
        within_budget(plans([*SWEEP, "sweep.budget=50s"]))  # 6 cells of 24 s on 2 slots
    assert "6 cells on 2 slots are expected to end in 1 min 12 s, over sweep.budget=50s" in str(caught.value)
    assert "seed=0,1 would fit (48 s)" in str(caught.value) and len(str(caught.value).splitlines()) == 1
    with pytest.raises(UserError, match="not even one seed fits"):
        within_budget(plans([*SWEEP, "sweep.budget=20s"]))
    within_budget(plans([*SWEEP, "sweep.budget=72s"]))


def test_seeds_that_are_finished_are_no_advice(probed):
    (plan,) = plans([*SWEEP, "sweep.budget=20s"])
    for cell in plan.cells:
        if cell.seed == 0:
            finish(plan, cell)
    with pytest.raises(UserError, match="4 cells .* in 48 s, over sweep.budget=20s; not even one more seed fits"):
        within_budget([plan])


def test_plans_that_follow_each_other_share_the_budget(probed):
    first, second = (plans([*SWEEP, "sweep.budget=2m", f"optimizer.lr={lr}"])[0] for lr in (0.1, 0.2))
    within_budget([first])
    within_budget([first, first])  # the second time nothing is left to train
    with pytest.raises(UserError, match="expected to end after 1 min 12 s of others in 2 min 24 s"):
        within_budget([first, second])


def test_without_a_budget_nothing_is_measured(probed):
    within_budget(plans(SWEEP))
    assert probed == []


def test_finished_cells_cost_nothing(probed):
    (plan,) = plans([*SWEEP, "sweep.budget=1s"])
    for cell in plan.cells:
        finish(plan, cell)
    within_budget([plan])
    assert probed == []


def test_a_real_probe_measures_and_leaves_nothing_but_the_pace(outputs):
    (plan,) = plans([*TINY, "trainer.max_epochs=100000", "sweep.budget=1m"])
    before = sorted(outputs.rglob("*"))
    with pytest.raises(
        UserError, match="1 cell is expected to end in .*, over sweep.budget=1m; not even one seed fits"
    ):
        within_budget([plan])
    paces = outputs / ".cache" / "paces"
    new = {*outputs.rglob("*")} - {*before}
    assert {each for each in new if each.parent != paces} <= {paces.parent, paces}, "a busy machine keeps none"


def test_a_cell_that_cannot_train_says_so(monkeypatch):
    monkeypatch.setattr(probe, "measure_cell", cannot)
    (plan,) = plans([*TINY, "sweep.budget=1m"])
    with pytest.raises(UserError, match="row 'run' does not train here: RuntimeError: no room"):
        within_budget([plan])


def cannot(cell, folder):
    raise RuntimeError("no room")


def timed_at(when, share, monkeypatch):
    """Probes that take 24 seconds a cell, and the rows that were probed."""
    asked = []

    def paces(plan, cells, slots):
        asked.extend(cell.row for cell in cells)
        return {cost_class(cell): Pace(1.0, 10.0, 3.0, 4, when=when, share=share) for cell in cells}

    monkeypatch.setattr(price, "measure_paces", paces)
    return asked


def test_a_pace_is_kept_for_the_next_plan_and_says_when_it_was_timed(monkeypatch):
    (plan,) = plans(SWEEP)
    asked = timed_at(time.time() - 3600, 0.97, monkeypatch)
    first, again = Pricing().price(plan), Pricing().price(plan)
    assert asked == ["regularizer=none", "regularizer=dropblock"], "each kind is probed once"
    assert again.seconds == first.seconds == 72.0 and again.share is None
    (line,) = timing_lines(again)
    assert line.startswith("cells were timed on ")
    assert duration(again) == "1 min 12 s"


@pytest.mark.parametrize(
    ("when", "share", "text"),
    [(0.0, 0.5, "36 s to 1 min 12 s"), (-31 * 86400.0, 0.97, "1 min 12 s"), (0.0, None, "1 min 12 s")],
    ids=["busy", "old", "not known"],
)
def test_a_pace_is_measured_again_if_the_machine_was_busy_or_it_is_a_month_old(when, share, text, monkeypatch):
    (plan,) = plans(SWEEP)
    asked = timed_at(time.time() + when, share, monkeypatch)
    found = [Pricing().price(plan) for _ in range(2)][-1]
    assert len(asked) == (2 if share is None else 4)
    assert duration(found) == text
    assert any("busy" in line and "50%" in line for line in timing_lines(found)) == (share == 0.5)


def test_a_damaged_pace_is_measured_again(outputs, monkeypatch):
    (plan,) = plans(SWEEP)
    asked = timed_at(time.time(), None, monkeypatch)
    Pricing().price(plan)
    for path, text in zip(
        (outputs / ".cache" / "paces").glob("*.json"), ("[1]", '{"start": "x", "when": 9e9}'), strict=True
    ):
        path.write_text(text)
    Pricing().price(plan)
    assert len(asked) == 4
