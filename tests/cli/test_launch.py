"""What is written before the first cell, and the line that says where a sweep stands."""

import io
import json
import shutil

import pytest

from dropgrid.cli import launch
from dropgrid.commands import terminal
from dropgrid.execution.pool import policy
from dropgrid.execution.selection import todo
from dropgrid.planning.plan import plans
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.manifest import write_plan

TINY = ["data=fake", "trainer.max_epochs=1"]


@pytest.fixture(autouse=True)
def outputs(monkeypatch, tmp_path):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def test_the_ablations_folder_says_what_was_asked(tmp_path):
    (plan,) = plans(["+ablation=demo", "seed=0,1"])
    write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    folder = tmp_path / "ablations" / "demo"
    lines = json.loads((folder / "cells.json").read_text())
    assert len(lines) == len(plan.cells) and {"row", "factors", "seed", "cell", "overrides"} <= set(lines[0])
    about = json.loads((folder / "ablation.json").read_text())
    assert about["baseline"] == "baseline" and about["question"] and "rows" not in about
    link = folder / "cells" / "dropblock" / "seed1"
    assert link.is_symlink() and link.resolve().parent == (tmp_path / "runs").resolve()


def test_seeds_asked_for_earlier_stay_only_once_finished_and_of_the_same_rows(tmp_path):
    def ask(*overrides):
        (plan,) = plans([*TINY, "regularizer=none,dropout", "name=grow", *overrides])
        write_plan(plan.outputs, plan.name, plan.about, plan.cells)
        return plan

    first = ask("seed=0")
    for cell in first.cells:
        (tmp_path / "runs" / cell.id).mkdir(parents=True)
        (tmp_path / "runs" / cell.id / "result.json").write_text('{"metrics": {}, "reproduce": ""}')

    def seeds():
        return sorted(line["seed"] for line in json.loads((tmp_path / "ablations/grow/cells.json").read_text()))

    ask("seed=1")
    assert seeds() == [0, 0, 1, 1]
    ask("seed=2")
    assert seeds() == [0, 0, 2, 2]  # seed 1 never finished
    ask("seed=2", "optimizer.lr=0.5")
    assert seeds() == [2, 2]  # other rows now


def test_a_cell_that_failed_when_asked_for_again_is_told_though_its_old_result_is_there(monkeypatch):
    (plan,) = plans([*TINY, "name=again", "sweep.rerun=all"])
    (cell,) = plan.cells
    cell.folder.mkdir(parents=True)
    (cell.folder / "result.json").write_text('{"metrics": {}, "reproduce": ""}')
    (cell.folder / "failure.json").write_text('{"class": "UserError", "message": "own is a link", "log": "log.txt"}')
    seen = []
    monkeypatch.setattr(launch, "show_results", lambda plan, failed: seen.append(failed) or 1)
    assert launch.evaluate_and_report(plan, todo(plan, policy(plan).outdated), 1) == 1
    (((_, ((_, why),)),),) = seen
    assert why["message"] == "own is a link"


def test_the_head_line_counts_what_is_finished_and_by_older_source(tmp_path):
    (plan,) = plans([*TINY, "regularizer=none,dropout", "name=older"])
    assert launch.heading(plan) == "older: 2 cells, 0 already finished"
    for cell, source in zip(plan.cells, (source_fingerprint(), "0ld"), strict=True):
        (tmp_path / "runs" / cell.id).mkdir(parents=True)
        result = {"metrics": {}, "reproduce": "", "provenance": {"source": source}}
        (tmp_path / "runs" / cell.id / "result.json").write_text(json.dumps(result))
    assert launch.heading(plan) == (
        "older: 2 cells, 2 already finished, 1 of them trained by a different version of the code: kept "
        "(sweep.rerun=stale trains them again)"
    )


def test_an_ablations_folder_that_was_removed_while_it_trained_is_written_again(tmp_path):
    class Engine:
        def run(self, plan, cells, rules, console):
            shutil.rmtree(tmp_path / "ablations")
            return True

    (plan,) = plans([*TINY, "regularizer=none,dropout", "name=removed"])
    printed = io.StringIO()
    assert launch.train_cells(plan, policy(plan), Engine(), terminal(file=printed))
    assert "was removed meanwhile" in printed.getvalue()
    assert len(json.loads((tmp_path / "ablations/removed/cells.json").read_text())) == 2
