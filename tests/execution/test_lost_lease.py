"""A cell whose supervisor or process is held up for longer than a lease lasts: real processes, no file locks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.survives("a command held up by SIGSTOP that lost its lease, with file locks and without")

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])}


def start(outputs, without="flock", *overrides, **variables):
    line = [sys.executable, str(HERE / "supervisor_process.py"), without, *overrides]
    environment = {**ENVIRONMENT, "DROPGRID_OUTPUTS": str(outputs), **variables}
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(found, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.02)
    raise TimeoutError


def state(outputs):
    """The state of the cell's process; empty if there is none."""
    try:
        return json.loads(next(outputs.glob("runs/*/state.json")).read_text())
    except (OSError, ValueError, StopIteration):
        return {}


def ended(process):
    output, _ = process.communicate(timeout=120)
    return json.loads(output.splitlines()[-1])


def check_whole(outputs, winner):
    """The folder is that of one undisturbed training, by one supervisor."""
    folder = outputs / "runs" / "abc"
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.yaml", "local.yaml", "log.txt", "metrics.csv", "last.safetensors", "result.json"}
    assert json.loads((folder / "result.json").read_text())["reproduce"] == winner
    assert (folder / "last.safetensors").read_text() == winner
    assert (folder / "metrics.csv").read_text().splitlines() == [f"{step},{winner}" for step in range(60)]
    log = (folder / "log.txt").read_text().splitlines()
    last = max(at for at, line in enumerate(log) if line.startswith("--- "))
    assert log[last + 1 :] == [f"step {step} by {winner}" for step in range(60)]


@pytest.mark.slow
@pytest.mark.parametrize("held_up", ["supervisor", "both, until the other trains", "both, until the other is through"])
def test_a_loser_writes_nothing_and_says_so(tmp_path, held_up):
    first = start(tmp_path)
    cell = wait_for(lambda: state(tmp_path).get("step", 0) > 5 and state(tmp_path)["pid"])
    os.kill(first.pid, signal.SIGSTOP)
    if held_up != "supervisor":
        os.kill(cell, signal.SIGSTOP)
    second = start(tmp_path)
    wait_for(lambda: state(tmp_path).get("pid", cell) != cell)
    two = ended(second) if "through" in held_up else None
    if held_up != "supervisor":
        os.kill(cell, signal.SIGCONT)  # it runs on, beside the new one or after it, and without its supervisor
        time.sleep(5 if two else 1)
    os.kill(first.pid, signal.SIGCONT)
    one, two = ended(first), two or ended(second)
    assert (one["status"], one["already"], one["lost"]) == ("finished", True, True)
    assert (two["status"], two["already"], two["lost"]) == ("finished", False, False)
    check_whole(tmp_path, json.loads((tmp_path / "runs/abc/result.json").read_text())["reproduce"])


@pytest.mark.slow
def test_a_held_up_process_of_a_supervisor_that_beats_keeps_its_cell(tmp_path):
    first = start(tmp_path)
    cell = wait_for(lambda: state(tmp_path).get("step", 0) > 5 and state(tmp_path)["pid"])
    os.kill(cell, signal.SIGSTOP)
    second = start(tmp_path)
    time.sleep(4)
    os.kill(cell, signal.SIGCONT)
    one, two = ended(first), ended(second)
    assert not one["already"] and two["already"] and not one["lost"] and not two["lost"]
    check_whole(tmp_path, json.loads((tmp_path / "runs/abc/result.json").read_text())["reproduce"])


@pytest.mark.slow
def test_without_locks_three_supervisors_train_a_cell_once(tmp_path):
    three = [start(tmp_path, "flock,link,fsync") for _ in range(3)]
    found = [ended(each) for each in three]
    assert sorted(each["already"] for each in found) == [False, True, True] and not any(each["lost"] for each in found)
    log = (tmp_path / "runs" / "abc" / "log.txt").read_text()
    assert log.count("--- ") == 1
    check_whole(tmp_path, json.loads((tmp_path / "runs/abc/result.json").read_text())["reproduce"])


@pytest.mark.slow
def test_without_locks_a_killed_supervisor_s_cell_comes_free_when_its_beats_have_stopped(tmp_path):
    first = start(tmp_path)
    wait_for(lambda: state(tmp_path).get("step", 0) > 5)
    first.kill()
    first.communicate()
    again = ended(start(tmp_path))
    assert again["status"] == "finished" and not again["already"]
    check_whole(tmp_path, json.loads((tmp_path / "runs/abc/result.json").read_text())["reproduce"])


def take_over(outputs, first, cell, line, pause, **variables):
    """Hold a command and its cell's process up until a second has taken the cell; both commands end well, and the
    first says what happened. The time at which the process went on, so many seconds before its command.
    """
    os.kill(first.pid, signal.SIGSTOP)
    os.kill(cell, signal.SIGSTOP)
    second = start(outputs, "flock,link", *line, **variables)
    wait_for(lambda: state(outputs).get("pid", cell) != cell)
    resumed = time.monotonic()
    os.kill(cell, signal.SIGCONT)
    time.sleep(pause)
    os.kill(first.pid, signal.SIGCONT)
    printed = [each.communicate(timeout=200)[0] for each in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], printed
    assert "another supervisor has taken it over" in printed[0] and "finished" in printed[0]
    return resumed


TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14"]
TINY += ["model.width=0.25", "trainer.max_epochs=30", "sweep.checkpoint.steps=4", "regularizer=dropblock"]


@pytest.mark.slow
def test_two_commands_one_of_them_held_up_train_a_cell_to_the_bits_of_one_left_alone(tmp_path):
    outputs, alone = tmp_path / "outputs", tmp_path / "alone"
    first = start(outputs, "flock,link", *TINY)
    cell = wait_for(lambda: state(outputs).get("step", 0) > 5 and state(outputs)["pid"])
    take_over(outputs, first, cell, TINY, 0.5)
    undisturbed = start(alone, "", *TINY)
    undisturbed.communicate(timeout=200)
    (here,), (there,) = ([*each.glob("runs/*")] for each in (outputs, alone))
    assert {path.name for path in here.iterdir()} == {path.name for path in there.iterdir()}
    for name in ("config.yaml", "last.safetensors", "best.safetensors", "predictions.npz", "metrics.csv"):
        assert (here / name).read_bytes() == (there / name).read_bytes(), name


FUNCTION = """
import os, time

def train(config, seed, folder):
    for step in range(80):
        time.sleep(0.1)
        with open(folder / "steps.txt", "a") as file:
            file.write(f"{os.getpid()} {step} {time.monotonic()}\\n")
    return {"score": seed}
"""


@pytest.mark.slow
def test_a_function_that_was_held_up_does_not_write_on_beside_the_one_that_took_its_cell(tmp_path):
    (tmp_path / "slowly.py").write_text(FUNCTION)
    (tmp_path / "targets.txt").write_text("slowly.*\n")
    path = os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]])
    line = ["task=function", "+task.function._target_=slowly.train", "task.metric=score", "sweep.beat_seconds=0.3"]
    outputs, given = tmp_path / "outputs", {"DROPGRID_TARGETS": str(tmp_path / "targets.txt"), "PYTHONPATH": path}
    first = start(outputs, "flock,link", *line, **given)
    cell = wait_for(lambda: state(outputs).get("phase") == "training" and state(outputs)["pid"])
    wait_for(lambda: [*outputs.glob("runs/*/own/steps.txt")])
    resumed = take_over(outputs, first, cell, line, 1, **given)
    (steps,) = outputs.glob("runs/*/own/steps.txt")
    lines = [each.split() for each in steps.read_text().splitlines()]
    assert all(float(at) < resumed + 1 for pid, _, at in lines if int(pid) == cell)
    assert [int(step) for pid, step, _ in lines if int(pid) != cell] == [*range(80)]
