"""The process that cells are forks of may die, and its socket may have no short path: sweeps go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.process import current_process
from pathlib import Path

import pytest
import trains

from dropgrid.errors import UserError
from dropgrid.execution import forkserver
from dropgrid.execution.supervisor import Policy, supervise
from dropgrid.execution.worker import enter

pytestmark = [
    pytest.mark.survives("a dead forkserver, a TMPDIR too long for sockets"),
    pytest.mark.usefixtures("light_forkserver"),
]

ROOT = Path(__file__).parents[2]
CELL = {"id": "abc", "name": "n", "config": {"seed": 1}, "local": {"paths": {}}}
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]


def test_a_cell_whose_forkserver_dies_ends_with_it_and_is_tried_again(tmp_path):
    outcome = supervise(CELL, tmp_path, trains.kill_server_once, policy=Policy(retries={forkserver.DIED: 2}))
    assert (outcome.status, outcome.attempts) == ("finished", 2)
    assert (tmp_path / "runs" / "abc" / "beside").read_text() == "False", "the first trained beside the second"


def test_the_kernel_ends_a_cell_with_its_forkserver(tmp_path):
    child = forkserver.start(enter, (trains.kill_server, CELL, tmp_path, {}), "x")
    child.join()
    assert child.exitcode == 255 and forkserver.died(child), "nobody can wait for it"
    about = Path(f"/proc/{(tmp_path / 'alive').read_text() or 0}/stat")
    assert not about.exists() or about.read_text().rpartition(")")[2].split()[0] == "Z", "it goes on"


def test_the_retries_are_bounded_and_the_failure_has_a_class_of_its_own(tmp_path):
    outcome = supervise(CELL, tmp_path, trains.kill_server, policy=Policy(retries={forkserver.DIED: 1}))
    assert outcome.status == "failed" and outcome.attempts == 2
    failure = json.loads((tmp_path / "runs" / "abc" / "failure.json").read_text())
    assert failure["class"] == "ForkserverDied" and "died" in failure["message"]
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"


def test_a_dead_one_is_replaced_before_the_next_cell(tmp_path):
    forkserver.warm()
    os.kill(forkserver.server_pid(), signal.SIGKILL)  # not waited for: it may be dying still
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"


def test_one_whose_socket_was_removed_is_left_to_its_cells_and_another_started(tmp_path):
    forkserver.warm()
    first = forkserver.server_pid()
    Path(forkserver.SERVER._forkserver_address).unlink()
    assert supervise(CELL, tmp_path, trains.finish).status == "finished"
    assert forkserver.server_pid() != first and forkserver.is_running(first)


def test_a_process_that_exits_with_255_by_itself_is_no_dead_forkserver(tmp_path):
    outcome = supervise({**CELL, "exit": 255}, tmp_path, trains.end)
    assert outcome.failure == "Exit: ended with exit code 255 and no result"


def command(tmp_path, *line, **variables):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path / "outputs"), **variables}
    return {
        "args": [sys.executable, "scripts/train.py", *TINY, *line],
        "cwd": ROOT,
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


@pytest.mark.slow
def test_killed_while_cells_train_the_sweep_goes_on_to_the_same_bits(tmp_path):
    line = ["-m", "seed=0,1,2", "trainer.max_epochs=40", "sweep.checkpoint.steps=10", "sweep.jobs=2", "name=x"]
    alone = subprocess.run(**command(tmp_path / "alone", *line), timeout=300)
    assert alone.returncode == 0, alone.stdout
    sweep = subprocess.Popen(**command(tmp_path / "killed", *line))
    try:
        for _ in range(2):
            kill_the_server_of(sweep, tmp_path / "killed" / "outputs")
        output, _ = sweep.communicate(timeout=300)
    finally:
        sweep.kill()
    assert sweep.returncode == 0 and "Traceback" not in output, output
    first, second = (weights(tmp_path / each / "outputs") for each in ("alone", "killed"))
    assert len(first) == 3 and first == second
    logs = [path.read_text() for path in (tmp_path / "killed").glob("outputs/runs/*/log.txt")]
    assert sum(log.count("--- ") for log in logs) > 3 and any("continues before step" in log for log in logs)


def weights(outputs):
    return {path.parent.name: json.loads(path.read_text())["weights"] for path in outputs.glob("runs/*/result.json")}


def kill_the_server_of(sweep, outputs):
    """Kill it once a cell trains that has a checkpoint, and wait until such a cell has been started again."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and sweep.poll() is None:
        for path in outputs.glob("runs/*/state.json"):
            try:
                pid = json.loads(path.read_text())["pid"]
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if list(path.parent.glob("checkpoints/*.ckpt")) and parent != 1:
                os.kill(parent, signal.SIGKILL)
                time.sleep(1)
                return
        time.sleep(0.05)
    raise AssertionError(sweep.stdout.read() if sweep.poll() is not None else "no cell trained")


@pytest.mark.slow
@pytest.mark.parametrize("length", [76, 240])
def test_a_long_tmpdir_is_no_place_for_sockets(tmp_path, length):
    folder = tmp_path / ("x" * max(1, length - len(str(tmp_path)) - 1))
    folder.mkdir()
    done = subprocess.run(**command(tmp_path, "trainer.max_epochs=1", TMPDIR=str(folder)), timeout=300)
    assert done.returncode == 0 and "finished run seed 0" in done.stdout, done.stdout
    assert not list(folder.glob("pymp-*"))


@pytest.fixture
def no_folder_yet(monkeypatch):
    """As in a process that made no socket yet."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setitem(vars(current_process())["_config"], "tempdir", None)


@pytest.mark.parametrize("length", [71, 72, 100, 240])
def test_the_path_of_a_socket_is_short(request, monkeypatch, no_folder_yet, length):
    base = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))  # tmp_path may be too long
    request.addfinalizer(lambda: shutil.rmtree(base))
    place = base / ("x" * (length - len(str(base)) - 1))
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    forkserver.choose_socket_folder()
    found = vars(current_process())["_config"]["tempdir"]
    assert Path(found).parent == (place if length == 71 else Path("/tmp"))
    Path(found).rmdir()


def test_without_a_short_folder_it_is_refused_in_a_line(tmp_path, monkeypatch, no_folder_yet):
    monkeypatch.setattr(forkserver, "FOLDERS", ("/nowhere",))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    with pytest.raises(UserError, match="set TMPDIR") as caught:
        forkserver.warm()
    assert len(str(caught.value).splitlines()) == 1


def test_if_every_one_dies_the_cell_fails_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", lambda self: (_ for _ in ()).throw(EOFError))
    outcome = supervise(CELL, tmp_path, trains.finish)
    assert outcome.failure == "ConnectionError: the process that cells are forks of died 3 times"


@pytest.mark.parametrize(("deaths", "found"), [(2, None), (3, forkserver.DIED)])
def test_an_evaluation_is_tried_again_too(monkeypatch, deaths, found):
    from dropgrid.execution import run_evaluations

    ends = [{"class": forkserver.DIED}] * deaths + [None]
    monkeypatch.setattr(run_evaluations, "try_once", lambda *_: ends.pop(0))
    failure = run_evaluations.attempt(None, None, None, {}, None)
    assert (failure and failure["class"]) == found
