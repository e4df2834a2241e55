"""What is said of cells that are sent from their files; the logger here answers as it is told."""

import pytest

from dropgrid.cli import dashboard
from dropgrid.dashboards import backfill


class Told:
    """A logger by the cell's row: `dropout` is at W&B, `drop_path` cannot be sent."""

    def __init__(self, *, folder, cell, **_):
        self.complete, self.failed = cell["row"] == "dropout", cell["row"] == "drop_path"

    def leave(self):
        pass

    resume = picture = close = lambda self, *_: None


@pytest.fixture
def answered(fake, monkeypatch, capsys):
    monkeypatch.setattr(backfill, "Wandb", Told)
    monkeypatch.setattr(backfill, "examples_of_cell", lambda cell: (None, None))
    monkeypatch.setattr(backfill, "show_cell", lambda *_: None)

    def of(*rows):
        fake.add([*rows], seeds=1)
        monkeypatch.setenv("DROPGRID_OUTPUTS", str(fake.outputs))
        return dashboard.main([fake.write(), "--from-files"]), capsys.readouterr().out

    return of


def test_a_cell_that_could_not_be_sent_was_not_there(answered):
    code, said = answered("baseline", "dropout", "drop_path")
    assert code == 1 and said.startswith("1 of 3 cells ")
    assert "1 were already there, 1 could not be sent: run the command again" in said


def test_without_failures_nothing_is_said_of_them(answered):
    code, said = answered("baseline", "dropout")
    assert code == 0 and "1 of 2 cells" in said and said.endswith("1 were already there\n")
