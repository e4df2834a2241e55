"""What `sweep.rerun` chooses."""

import json

import pytest

from dropgrid.errors import UserError
from dropgrid.execution.selection import current_result, older, outdated, todo
from dropgrid.planning.plan import plans
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.own_code import Sources

STATES = ("pending", "failed", "finished", "stale")


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    """A plan of four cells, one in each state."""
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))

    def make(*overrides):
        (plan,) = plans(["data=fake", "seed=0,1,2,3", *overrides])
        for cell, state in zip(plan.cells, STATES, strict=True):
            folder = tmp_path / "runs" / cell.id
            folder.mkdir(parents=True, exist_ok=True)
            if state == "failed":
                (folder / "failure.json").write_text(json.dumps({"class": "x", "message": "y", "log": "log.txt"}))
            if state in ("finished", "stale"):
                source = source_fingerprint() if state == "finished" else "0ld"
                about = {"metrics": {}, "reproduce": "", "provenance": {"source": source, "finished": 1.0}}
                (folder / "result.json").write_text(json.dumps(about))
        return plan

    return make


@pytest.mark.parametrize(
    ("rerun", "chosen"),
    [
        ("none", ["pending"]),
        ("failed", ["pending", "failed"]),
        ("stale", ["pending", "failed", "stale"]),
        ("all", ["pending", "failed", "finished", "stale"]),
    ],
)
def test_rerun(plan_of, rerun, chosen):
    plan = plan_of(f"sweep.rerun={rerun}")
    assert [STATES[cell.seed] for cell in todo(plan, outdated(plan))] == chosen


def test_the_default_tries_failed_cells_again_and_keeps_results(plan_of):
    plan = plan_of()
    assert [STATES[cell.seed] for cell in todo(plan, outdated(plan))] == ["pending", "failed"]


def test_a_result_by_other_code_of_ones_own_is_stale_and_counted(plan_of, tmp_path, monkeypatch):
    plan, lab = plan_of("sweep.rerun=stale"), tmp_path / "selection_lab.py"
    lab.write_text("FACTOR = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = Sources().code({"loss": {"option": "selection_lab.Loss"}})
    (cell,) = (each for each in plan.cells if STATES[each.seed] == "finished")
    about = {
        "metrics": {},
        "reproduce": "",
        "provenance": {"source": source_fingerprint(), "modules": modules, "finished": 1.0},
    }
    (cell.folder / "result.json").write_text(json.dumps(about))
    for text, chosen in (("FACTOR = 1  # why\n", False), ("FACTOR = 0.01\n", True)):
        lab.write_text(text)
        assert (cell in todo(plan, outdated(plan))) == chosen == bool(older([current_result(cell) or {}]))


def test_all_does_not_train_again_what_another_has_just_trained(plan_of):
    again = outdated(plan_of("sweep.rerun=all"))
    assert again({"provenance": {"finished": 1.0}}) and not again({"provenance": {"finished": 1e12}})


def test_another_word_is_refused(plan_of):
    with pytest.raises(UserError, match="sweep.rerun must be none, failed, stale or all, got 'some'"):
        outdated(plan_of("sweep.rerun=some"))


@pytest.mark.parametrize(
    ("only", "chosen"),
    [("seed0", ["pending"]), ("[seed1,seed3]", ["failed"]), ("run/seed1", ["failed"]), ("run", ["pending", "failed"])],
)
def test_only_names_rows_seeds_or_cells(plan_of, only, chosen):
    plan = plan_of(f"sweep.only={only}")
    assert [STATES[cell.seed] for cell in todo(plan, outdated(plan))] == chosen
    assert len(plan.cells) == 4, "the table keeps all"


def test_only_of_no_cell_is_an_error_that_tells_the_rows(plan_of):
    plan = plan_of("sweep.only=baseline/seed0")
    with pytest.raises(UserError, match="no row or cell 'baseline/seed0'; .* of the rows run"):
        todo(plan, outdated(plan))


@pytest.mark.parametrize("text", ["{}", "[]", "5", "NaN", "[" * 100_000, ""])
def test_a_damaged_result_is_trained_again_like_a_failure(plan_of, text):
    plan = plan_of()
    finished = next(cell for cell in plan.cells if STATES[cell.seed] == "finished")
    finished.run.result.write_text(text)
    assert finished.seed in {cell.seed for cell in todo(plan, outdated(plan))}
    plan = plan_of("sweep.rerun=none")
    finished.run.result.write_text(text)
    assert [STATES[cell.seed] for cell in todo(plan, outdated(plan))] == ["pending"]
