"""The table of what came of the inputs, at the end of the run: a line a kind."""

import json
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from dropgrid import build
from dropgrid.cli import train
from dropgrid.cost.price import budget_seconds
from dropgrid.dry_build import dry_build
from dropgrid.errors import UserError
from dropgrid.execution.pool import policy
from dropgrid.execution.slots import slots
from dropgrid.planning.command_line import RUNNING
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.plan import plans
from dropgrid.training.trainer import make_trainer

sys.path.insert(0, str(Path(__file__).parent))
from trial import Trial

CELLS = 2
"""Of a plan, that are built."""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """`train.main` up to the first cell; its exit code."""
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.chdir(tmp_path)
    line: list[str] = []

    def task():
        with hydra_context(RUNNING.get()):
            made = plans(RUNNING.get().overrides_of_cells)
        for plan in made:
            policy(plan), slots(plan), budget_seconds(plan)
            for cell in plan.cells[:CELLS]:
                try:
                    source = build.source(cell.config, cell.local)
                    dry_build(cell.config, cell.local, source.spec())
                    make_trainer(cell.config, cell.local)
                except ValueError as error:
                    raise UserError(str(error)) from error

    def act():
        monkeypatch.setattr(sys, "argv", ["train.py", *line])
        return train.main()

    monkeypatch.setattr(train, "run_task", task)

    def run(given):
        line[:] = given
        return act()

    return run


@pytest.fixture
def trial(request, tmp_path, record_property):
    """A trial whose kind is the test's module; its counts go into the report."""
    made = Trial(request.module.__name__.rpartition("test_")[2], tmp_path)
    yield made
    record_property("fuzz", json.dumps({made.kind: made.outcomes}))
    assert not made.wrong, f"{len(made.wrong)} wrong:\n" + "\n".join(made.wrong.values())


def pytest_terminal_summary(terminalreporter):
    total = defaultdict(Counter)
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in (
                getattr(report, "user_properties", []) if getattr(report, "when", "") == "teardown" else []
            ):
                if name == "fuzz":
                    for kind, outcomes in json.loads(value).items():
                        total[kind].update(outcomes)
    if not total:
        return
    terminalreporter.section("hostile input: outcomes by kind")
    for kind, outcomes in sorted(total.items()):
        parts = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
        terminalreporter.write_line(f"{kind:16} {sum(outcomes.values()):6}   {parts}")
    terminalreporter.write_line(f"{'all':16} {sum(sum(each.values()) for each in total.values()):6}")
    if path := os.environ.get("DROPGRID_FUZZ_COUNTS"):
        with open(path, "w") as file:
            json.dump(total, file, indent=1, sort_keys=True)
