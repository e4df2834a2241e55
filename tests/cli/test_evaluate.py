"""The command, on cells that were really trained; in a process of its own where that is what is tested."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import in_process
import numpy as np
import pytest

import dropgrid
import dropgrid.cli.evaluate
from dropgrid.paths import CONF

ROOT = Path(__file__).parents[2]
slow = partial(pytest.param, marks=pytest.mark.slow)
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=2"]


command = in_process.command


def command_of_its_own(*words, outputs):
    """What evaluate.py, run as a process of its own, ends with."""
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs), "COLUMNS": "160"}
    line = [sys.executable, "scripts/evaluate.py", *words]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """A sweep of two rows at two seeds, tested on one batch of two."""
    folder = tmp_path_factory.mktemp("outputs")
    more = ["data.eval_batch_size=128", "trainer.limit_test_batches=1", "regularizer=none,dropblock", "seed=0,1"]
    done = command("train", "-m", *TINY, *more, "name=tiny", outputs=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def files(outputs):
    return sorted(outputs.glob("runs/*/evaluations/*"))


def test_it_measures_once_and_the_table_has_the_columns(outputs):
    words = ["tiny", "+evaluate=noise", "evaluate.sigmas=[0,0.5]"]
    done = command_of_its_own(*words, outputs=outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "noise: 4 cells\n" in done.stdout and "4 of 4 done" in done.stdout
    made = {path: path.stat().st_mtime_ns for path in files(outputs)}
    assert len(made) == 4 and all(path.suffix == ".json" for path in made)
    frame = dropgrid.load("tiny", outputs)
    assert frame["noise/gaussian_noise_0"].tolist() == frame["test/acc_last"].tolist()
    assert frame["noise/gaussian_noise_0.5"].between(0, 1).all()
    table = json.loads((outputs / "ablations" / "tiny" / "table.json").read_text())
    for row in table["rows"]:
        cells = frame[frame["row"] == row["row"]]["noise/gaussian_noise_0.5"]
        found = row["evaluations"]["noise/gaussian_noise_0.5"]
        assert (found["n"], found["unit"]) == (2, "percent")
        assert found["mean"] == pytest.approx(100 * cells.mean()) and found["std"] == pytest.approx(100 * cells.std())
    for text in (done.stdout, (outputs / "ablations" / "tiny" / "table.md").read_text()):
        assert "Gaussian noise σ = 0.5, %" in text
    again = command("evaluate", *words, "--json", outputs=outputs)
    assert again.returncode == 0 and "noise: 4 cells, 4 already measured" in again.stderr
    assert json.loads(again.stdout)["tables"][0]["table"] == table
    assert {path: path.stat().st_mtime_ns for path in files(outputs)} == made


def test_a_result_says_what_was_measured_and_by_what(outputs):
    command("evaluate", "tiny", "evaluate=calibration", "evaluate.weights=best", outputs=outputs)
    found = [json.loads(path.read_text()) for path in files(outputs)]
    (one, *_) = [each for each in found if each["config"]["evaluate"] == "calibration"]
    assert one["evaluate"] == "calibration[weights=best]" and one["weights"] == "best" and one["note"] is None
    assert one["headings"]["nll"] == ["NLL", "nats"] and one["provenance"]["device"] == "cpu" and one["seconds"] > 0
    assert "calibration[weights=best]/nll" in dropgrid.load("tiny", outputs)


def test_what_does_not_apply_is_said_and_leaves_the_row_without(outputs):
    done = command("evaluate", "tiny", "evaluate=monte_carlo", "evaluate.passes=[2]", outputs=outputs)
    assert done.returncode == 0 and "does not apply to regularizer=none: nothing drops" in done.stdout
    frame = dropgrid.load("tiny", outputs)
    assert frame["monte_carlo/acc_2"].notna().tolist() == [row == "regularizer=dropblock" for row in frame["row"]]


def test_arrays_lie_beside_the_result_and_without_them_it_is_measured_again(outputs):
    words = ["tiny", "evaluate=cam", "evaluate.smallest=3", "evaluate.images=3"]
    done = command("evaluate", *words, outputs=outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (outputs / "ablations" / "tiny" / "figure_cam.png").exists()
    made = sorted(outputs.glob("runs/*/evaluations/*.npz"))
    assert len(made) == 4 and all(path.with_suffix(".json").exists() for path in made)
    content = made[0].read_bytes()
    made[0].unlink()
    again = command("evaluate", *words, outputs=outputs)
    assert again.returncode == 0 and "cam[images=3,smallest=3]: 4 cells, 3 already measured" in again.stdout
    with np.load(made[0]) as file, np.load(io.BytesIO(content)) as before:
        assert {"images", "maps", "targets", "predicted"} <= set(file) == set(before)
        assert all(np.array_equal(file[name], before[name]) for name in file)


def test_a_name_may_have_an_equals_sign(outputs):
    known = outputs / "ablations" / "run+data=fake"
    known.symlink_to(outputs / "ablations" / "tiny")
    try:
        done = command_of_its_own("run+data=fake", "evaluate=nothing", outputs=outputs)
    finally:
        known.unlink()
    assert done.returncode == 2 and "evaluate has no option 'nothing'" in done.stderr


@pytest.mark.slow
def test_another_data_set_is_known_by_its_content(outputs):
    words = ["tiny", "evaluate=other_data", "evaluate.data=fake", "evaluate.data.size=12", "evaluate.data.test=50"]
    done = command("evaluate", *words, outputs=outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    name = "other_data[data.size=12,data.test=50]/fake"
    assert dropgrid.load("tiny", outputs)[name].between(0, 1).all()
    again = command("evaluate", *words, "evaluate.data.workers=1", outputs=outputs)
    assert again.returncode == 0 and "4 already measured" in again.stdout


@pytest.mark.slow
def test_one_cell_s_failure_costs_that_cell_alone(outputs):
    damaged = sorted(outputs.glob("runs/*/last.safetensors"))[0]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    words = ["tiny", "evaluate=noise", "evaluate.sigmas=[0.3]"]
    done = command("evaluate", *words, outputs=outputs)
    assert done.returncode == 1 and "1 failed" in done.stdout and f"cannot load {damaged}" in done.stdout
    log = next(iter(damaged.parent.glob("evaluations/*/log.txt")))
    assert "Traceback" in log.read_text() and damaged.parent.name in done.stdout
    assert dropgrid.load("tiny", outputs)["noise/gaussian_noise_0.3"].notna().sum() == 3
    damaged.write_bytes(whole)
    again = command("evaluate", *words, outputs=outputs)
    assert again.returncode == 0 and "3 already measured" in again.stdout and not log.exists()


def test_ctrl_c_ends_it_and_leaves_nothing_behind(outputs):
    line = [sys.executable, "scripts/evaluate.py", "tiny", "evaluate=monte_carlo", "evaluate.passes=[100000]"]
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    process = subprocess.Popen([*line, "sweep.jobs=1"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and process.stdout.readline()[:8] != "measured":  # the row without regularizer
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130 and all(path.is_file() for path in files(outputs))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        slow([], "evaluate takes one NAME, got none; NAME is one of: tiny"),
        (["tniy", "evaluate=noise"], "did you mean 'tiny'?"),
        slow(["tiny"], "choose one evaluation: +evaluate=X, X one of: adversarial, calibration"),
        slow(["tiny", "evaluate=corruptoin"], "evaluate has no option 'corruptoin'; did you mean 'corruption'?"),
        slow(["tiny", "evaluate=noise", "evaluate.sigma=[1]"], "did you mean 'evaluate.sigmas'?"),
        (["tiny", "evaluate=noise", "evaluate.sigmas=[-1]"], "must be a number, 0 or more, got -1"),
        slow(["tiny", "evaluate=noise", "evaluate.sigmas=1"], "sigmas takes a list: evaluate.sigmas=[…], got 1"),
        slow(["tiny", "evaluate=other_data", "evaluate.data=digits"], "the cell was trained on 10 classes of 12×12"),
        slow(["tiny", "evaluate=noise", "sweep.jobs=0"], "must be a whole number, 1 or more, or auto, got 0"),
    ],
)
def test_a_mistake_costs_a_line_and_exit_code_2(outputs, words, told):
    done = command("evaluate", *words, outputs=outputs)
    assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(path.is_file() for path in files(outputs))


def test_help_names_every_evaluation():
    (named,) = re.findall(r"conf/evaluate: ([\w,\s]+)\.\n", dropgrid.cli.evaluate.__doc__)
    assert re.findall(r"\w+", named) == sorted(path.stem for path in (CONF / "evaluate").glob("*.yaml"))


def test_the_command_needs_no_torch_until_it_measures():
    code = "import sys, dropgrid.cli.evaluate; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
