"""Whatever happens in a cell's process costs that cell alone."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import trains

from dropgrid.runs.supervise import supervise

CELL = {"id": "abc", "name": "n", "config": {"seed": 1}, "local": {"paths": {}}}


def test_a_cell_that_finishes(tmp_path):
    outcome = supervise(CELL, tmp_path, trains.finish)
    folder = tmp_path / "runs" / "abc"
    assert (outcome.status, outcome.already) == ("finished", False)
    assert "hello from the cell" in (folder / "log.txt").read_text()
    assert (folder / "config.yaml").read_text() == "seed: 1\n"
    assert not (folder / "failure.json").exists() and not (folder / "state.json").exists()


def test_a_finished_cell_is_skipped(tmp_path):
    for already in (False, True):
        assert supervise(CELL, tmp_path, trains.count).already is already
    assert (tmp_path / "runs" / "abc" / "count").read_text() == "x"


@pytest.mark.parametrize(
    ("train", "kind", "message"),
    [
        (trains.fail, "RuntimeError", "the last line says why"),
        (trains.refuse, "UserError", "that cannot be"),
        (trains.leave, "Exit", "ended with exit code 7 and no result"),
        (trains.die, "SIGKILL", "killed by SIGKILL (the system does this when memory runs out)"),
        (trains.crash, "SIGSEGV", "killed by SIGSEGV"),
        (trains.do_nothing, "Exit", "ended with exit code 0 and no result"),
    ],
)
def test_a_cell_that_fails_says_how(tmp_path, train, kind, message):
    outcome = supervise(CELL, tmp_path, train)
    failure = json.loads((tmp_path / "runs" / "abc" / "failure.json").read_text())
    assert outcome.status == "failed" and outcome.failure == f"{kind}: {message}"
    assert failure == {"class": kind, "message": message, "log": "log.txt"}
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"  # asking again tries again
    assert not (tmp_path / "runs" / "abc" / "failure.json").exists()


def test_stopping_ends_the_cell_and_leaves_it_unfinished(tmp_path):
    stop = threading.Event()
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(supervise(CELL, tmp_path, trains.hang, stop)))
    thread.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "runs" / "abc" / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join(20)
    assert [each.status for each in outcomes] == ["stopped"]
    assert not (tmp_path / "runs" / "abc" / "failure.json").exists()


def test_two_supervisors_of_one_cell_train_it_once(tmp_path):
    outcomes = []

    def ask():
        outcomes.append(supervise(CELL, tmp_path, trains.count))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.already for each in outcomes) == [False, True]
    assert (tmp_path / "runs" / "abc" / "count").read_text() == "x"
