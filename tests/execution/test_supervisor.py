"""Whatever happens in a cell's process costs that cell alone."""

import json
import os
import threading
import time

import pytest
import trains

from dropgrid.execution.supervisor import Policy, Stop, supervise
from dropgrid.store.deletion import tidy
from dropgrid.store.layout import RunFolder
from dropgrid.store.lease import Lease, machine_id

OLD = '{"metrics": {}, "reproduce": "", "old": true}'
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
        (trains.leave, "Exit", "sys.exit(7) was called"),
        (trains.leave_as_if_lost, "Exit", "sys.exit(6) was called"),
        (trains.end, "Exit", "ended with exit code 6 and no result"),
        (trains.interrupt, "KeyboardInterrupt", "KeyboardInterrupt"),
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


def stopped(tmp_path, train, then=lambda stop: None):
    """The outcome of a cell that is asked to stop once it runs."""
    stop, outcomes = Stop(), []
    thread = threading.Thread(target=lambda: outcomes.append(supervise(CELL, tmp_path, train, stop)))
    thread.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "runs" / "abc" / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.ask()
    then(stop)
    thread.join(20)
    assert not thread.is_alive()
    assert (tmp_path / "runs" / "abc" / "failure.json").exists() is (outcomes[0].status == "failed")
    return outcomes[0].status


def test_stopping_asks_the_cell_and_leaves_it_unfinished(tmp_path):
    assert stopped(tmp_path, trains.wait_for_sigterm) == "stopped"
    assert (tmp_path / "runs" / "abc" / "asked").exists()


def test_no_room_for_the_checkpoint_when_stopping_is_a_failure_and_promises_none(tmp_path):
    assert stopped(tmp_path, trains.full_when_asked) == "failed"
    failure = json.loads((tmp_path / "runs" / "abc" / "failure.json").read_text())
    assert failure["class"] == "DiskFull" and "checkpoint" not in failure["message"]


def test_asked_twice_a_cell_that_does_not_listen_ends_at_once(tmp_path):
    assert stopped(tmp_path, trains.deaf, then=lambda stop: stop.ask()) == "stopped"


@pytest.mark.parametrize(("retries", "status"), [({"SIGKILL": 2}, "finished"), ({"SIGKILL": 1, "Hang": 9}, "failed")])
def test_retries_are_bounded_by_class(tmp_path, retries, status):
    outcome = supervise(CELL, tmp_path, trains.die_twice, policy=Policy(retries=retries))
    assert outcome.status == status and outcome.attempts == retries["SIGKILL"] + 1
    assert (tmp_path / "runs" / "abc" / "failure.json").exists() is (status == "failed")
    assert (tmp_path / "runs" / "abc" / "log.txt").read_text().count("---") == outcome.attempts


def test_a_cell_without_a_sign_of_life_is_killed(tmp_path):
    outcome = supervise(CELL, tmp_path, trains.deaf, policy=Policy(hang_seconds=1.5))
    assert outcome.failure == "Hang: no sign of life for 1.5 s: killed"


def test_sigterm_from_elsewhere_is_a_failure_of_its_own_class(tmp_path):
    assert supervise(CELL, tmp_path, trains.stop_itself).failure == "SIGTERM: asked to stop by another"


def test_no_room_even_for_the_failure_is_told_by_the_exit_code(tmp_path):
    assert supervise(CELL, tmp_path, trains.no_room_at_all).failure.startswith("DiskFull: ")


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    supervise(CELL, tmp_path, trains.leave_partials, policy=Policy(retries={"SIGKILL": 1}))
    folder = tmp_path / "runs" / "abc"
    assert [path.name for path in folder.glob(".*")] == [".result.json.1234.json"]  # of the last attempt
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"
    assert not list(folder.glob(".*"))


def test_what_a_killed_supervisor_left_of_a_finished_cell_is_tidied_up_but_not_under_anothers_lease(tmp_path):
    supervise(CELL, tmp_path, trains.leave_partials)
    supervise(CELL, tmp_path, trains.finish)
    folder = tmp_path / "runs" / "abc"
    before = sorted(path.name for path in folder.iterdir())

    def leave():
        (folder / "checkpoints").mkdir(exist_ok=True)
        for name in ("checkpoints/step", "state.json", ".best.safetensors.1.safetensors", "lease"):
            (folder / name).write_text("")

    leave()
    (folder / "lease").write_text(json.dumps({"machine": machine_id(), "time": 1.0}))  # its lock went with its holder
    tidy(RunFolder(folder))
    assert sorted(path.name for path in folder.iterdir()) == before
    held = Lease(folder)
    assert held.acquire()
    (folder / "state.json").write_text("")
    tidy(RunFolder(folder))
    assert (folder / "state.json").exists()


def test_an_outdated_result_is_put_aside_whole(tmp_path):
    supervise(CELL, tmp_path, trains.count)
    (tmp_path / "runs" / "abc" / "result.json").write_text(OLD)
    policy = Policy(outdated=lambda result: "old" in result)
    assert not supervise(CELL, tmp_path, trains.count, policy=policy).already
    assert supervise(CELL, tmp_path, trains.count, policy=policy).already
    (aside,) = (tmp_path / "replaced").iterdir()
    assert aside.name.startswith("abc-") and (aside / "result.json").read_text() == OLD
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"abc"}


def test_results_put_aside_in_one_second_have_places_of_their_own(tmp_path):
    always = Policy(outdated=lambda result: "old" in result)
    for _ in range(3):
        assert supervise(CELL, tmp_path, trains.count, policy=always).status == "finished"
        (tmp_path / "runs" / "abc" / "result.json").write_text(OLD)
    assert not supervise(CELL, tmp_path, trains.count, policy=always).already
    assert len(list((tmp_path / "replaced").iterdir())) == 3


def test_a_hidden_folder_in_a_cell_s_is_left_alone(tmp_path):
    (tmp_path / "runs" / "abc" / ".mine").mkdir(parents=True)
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"
    assert (tmp_path / "runs" / "abc" / ".mine").is_dir()


def test_anothers_cell_is_busy_or_waited_for(tmp_path):
    folder = tmp_path / "runs" / "abc"
    folder.mkdir(parents=True)
    held = Lease(folder)
    assert held.acquire()
    assert supervise(CELL, tmp_path, trains.count, policy=Policy(patient=False)).status == "busy"
    threading.Timer(0.5, held.release).start()
    assert supervise(CELL, tmp_path, trains.count).status == "finished"


def test_a_lost_lease_ends_the_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(Lease, "beat", lambda self: not (self.path.parent / "hanging").exists())
    outcome = supervise(CELL, tmp_path, trains.deaf, policy=Policy(patient=False))
    assert (outcome.status, outcome.lost) == ("busy", True)
    assert not (tmp_path / "runs" / "abc" / "failure.json").exists()


def test_a_folder_that_cannot_be_used_costs_that_cell_alone(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    assert supervise(CELL, tmp_path, trains.finish).status == "failed"


def test_the_cells_process_sees_its_gpu_alone(tmp_path):
    supervise(CELL, tmp_path, trains.show_variables, policy=Policy(variables={"CUDA_VISIBLE_DEVICES": "3"}))
    assert (tmp_path / "runs" / "abc" / "seen").read_text() == "3"


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


NAMES = ("lease", "log.txt", "result.json", "failure.json", "state.json", "config.yaml", "metrics.csv", "checkpoints")


@pytest.mark.parametrize("name", NAMES)
def test_a_link_or_a_pipe_in_a_cell_s_folder_costs_that_cell_a_line_and_nothing_else(tmp_path, name):
    folder, elsewhere = tmp_path / "runs" / "abc", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    for make in (os.mkfifo, lambda path: path.symlink_to(elsewhere / "made"), lambda path: path.symlink_to(elsewhere)):
        make(folder / name)
        outcome = supervise(CELL, tmp_path, trains.finish)
        assert (
            outcome.status == "failed" and f"{name} is " in outcome.failure and len(outcome.failure.splitlines()) == 1
        )
        assert not list(elsewhere.iterdir()) and {path.name for path in folder.iterdir()} == {name, "failure.json"}
        (folder / name).unlink()


@pytest.mark.parametrize("damage", ["{}", "[]", "5", "", "[" * 100_000, '{"metrics": NaN, "reproduce": ""}'])
def test_a_damaged_result_is_put_aside_and_the_cell_trained_again(tmp_path, damage):
    supervise(CELL, tmp_path, trains.count)
    (tmp_path / "runs" / "abc" / "result.json").write_text(damage)
    outcome = supervise(CELL, tmp_path, trains.count)
    assert (outcome.status, outcome.already) == ("finished", False)
    (aside,) = (tmp_path / "replaced").iterdir()
    assert (aside / "result.json").read_text() == damage and not (aside / "lease").exists()
    assert supervise(CELL, tmp_path, trains.count).already
