"""The counts and words of the live view, from state.json alone."""

import io
from types import SimpleNamespace

import pytest

from dropgrid.commands import terminal as terminal_of
from dropgrid.execution.live_view import LiveView, minutes
from dropgrid.execution.supervisor import Outcome
from dropgrid.store.files import write_json
from dropgrid.store.layout import Outputs


def watch(tmp_path, terminal=False):
    console = terminal_of(file=io.StringIO(), force_terminal=terminal, width=120)
    return LiveView("demo", 5, 2, tmp_path, console)


def state(tmp_path, cell, step, phase="training"):
    values = {"phase": phase, "epoch": 3, "epochs": 10, "step": step, "steps": 100, "loss": 0.5}
    write_json(Outputs(tmp_path).run(cell).state, values)


def test_names_and_messages_are_no_markup(tmp_path):
    view = watch(tmp_path)
    view.started("a", "row [red]a,b[/x] seed 0")
    view.ended(Outcome("a", "failed", failure="ValueError: [/tmp/a] is [bold]no list"))
    said = view.console.file.getvalue()
    assert "row [red]a,b[/x] seed 0: ValueError: [/tmp/a] is [bold]no list" in said


def test_counts_progress_and_time_to_go(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("dropgrid.execution.live_view.time", SimpleNamespace(monotonic=lambda: now[0]))
    view = watch(tmp_path)
    view.started("a", "row seed 0")
    view.started("b", "row seed 1")
    assert view.summary() == "0 of 5 done, 2 running, 3 left"
    assert view.progress("a") == (0.0, "starting")
    state(tmp_path, "a", 40)
    assert view.progress("a") == (0.4, "epoch 4/10  loss 0.500")
    now[0] += 4
    assert view.remaining() == pytest.approx(10 * (5 - 0.4) / 2)  # 4 s for 0.4 of a cell, two at a time
    state(tmp_path, "b", 100, "measuring")
    assert view.progress("b")[1] == "measuring on the test set"
    view.ended(Outcome("a", "finished"))
    assert view.summary().startswith("1 of 5 done, 1 running, 3 left, about ")
    assert "finished row seed 0" in view.console.file.getvalue()


def test_a_failure_is_told_at_once(tmp_path):
    view = watch(tmp_path, terminal=True)
    view.started("a", "row seed 0")
    view.ended(Outcome("a", "failed", failure="SIGKILL: killed"))
    assert "failed" in view.console.file.getvalue() and "SIGKILL: killed" in view.console.file.getvalue()
    assert "1 failed" in view.summary()


def test_the_panel_names_each_running_cell_on_its_own_line(tmp_path):
    view = watch(tmp_path, terminal=True)
    for cell in ("a", "b"):
        view.started(cell, f"row {cell}")
        state(tmp_path, cell, 50)
    view.console.print(view.panel())
    lines = view.console.file.getvalue().splitlines()
    assert [sum(f"row {cell}" in line for line in lines) for cell in ("a", "b")] == [1, 1]
    assert not any("row a" in line and "row b" in line for line in lines)
    assert "0 of 5 done, 2 running, 3 left" in lines[0]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (7200, "2.0 h")])
def test_durations(seconds, words):
    assert minutes(seconds) == words


@pytest.mark.parametrize(
    "text", ["5", "null", "{", "{}", "[]", '{"phase": "x", "steps": 5}', '{"phase": "x", "step": -9, "steps": 1}']
)
def test_a_damaged_state_ends_no_sweep(tmp_path, text):
    view, run = watch(tmp_path, terminal=True), Outputs(tmp_path).run("a")
    view.started("a", "row seed 0")
    run.folder.mkdir(parents=True)
    run.state.write_text(text)
    assert view.progress("a")[0] == 0.0 and view.panel() and view.summary()


def test_a_cell_that_was_taken_over_is_told_of(tmp_path):
    view = watch(tmp_path)
    view.started("a", "row seed 0")
    view.ended(Outcome("a", "busy", lost=True))
    assert "row seed 0 was held up here; another supervisor has taken it over" in view.console.file.getvalue()
