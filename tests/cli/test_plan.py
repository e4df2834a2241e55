"""The command, and what it says of power."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import in_process
import numpy as np
import pytest

from dropgrid.cli import plan as preview
from dropgrid.cost import power
from dropgrid.cost.price import Pricing
from dropgrid.errors import UserError
from dropgrid.planning.plan import plans
from dropgrid.store.arrays import write_arrays
from dropgrid.store.files import write_json
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.layout import Outputs
from dropgrid.store.manifest import write_plan

ROOT = Path(__file__).parents[2]
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=2"]


def command(*overrides, outputs):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    line = [sys.executable, "scripts/plan.py", *overrides]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_a_launcher_that_is_swept_is_a_mistake_in_a_line(tmp_path):
    done = in_process.command("plan", "-m", *TINY, "hydra/launcher=a,b", outputs=tmp_path)
    assert done.returncode == 2 and "hydra/launcher=a,b" in done.stderr, done.stderr


def finish(plan, accuracies):
    """Results of a plan's first cells, as if they had been trained."""
    for cell, accuracy in zip(plan.cells, accuracies, strict=False):
        result = {
            "metrics": {"test/acc_last": accuracy},
            "reproduce": cell.reproduce,
            "timing": {"total_seconds": 4.0},
            "provenance": {"source": source_fingerprint(), "finished": 1.0},
        }
        folder = Outputs(plan.outputs).run(cell.id).folder
        folder.mkdir(parents=True)
        write_json(folder / "result.json", result)


def test_the_command_prices_and_trains_nothing(tmp_path):
    asked = ["-m", *TINY[:-1], "trainer.max_epochs=500", "regularizer=none,dropblock", "seed=0,1,2", "name=priced"]
    done = in_process.command("plan", *asked, "sweep.budget=1s", outputs=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.match(r"10 classes \(0 \d+, .*\); train 64, val 100, test 200\n", done.stdout)
    assert "6 cells, 6 to train: about" in done.stdout and "MB on disk" in done.stdout
    for row in ("regularizer=none ", "regularizer=dropblock "):
        assert sum(row in line for line in done.stdout.splitlines()) == 1
    assert "a pilot: python scripts/train.py -m data=fake" in done.stdout and "seed=0,1,2" in done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "over sweep.budget=1s" in errors[0]
    assert {path.name for path in tmp_path.iterdir()} <= {".cache"}


def test_mistakes_cost_a_line_each_and_no_torch(tmp_path):
    done = command("+ablation=dmo", outputs=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ablation has no option 'dmo'; did you mean 'demo'?; options: ")
    imports = [sys.executable, "-c", "import sys, dropgrid.cli.plan; sys.exit('torch' in sys.modules)"]
    assert subprocess.run(imports).returncode == 0


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.setattr("dropgrid.execution.slots.cores", lambda: 2)
    return tmp_path


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["sweep.jobs=0"], "sweep.jobs must be"),
        (["sweep.budget=2"], "sweep.budget must be"),
        (["sweep.detect=0"], "sweep.detect must be a number of points above 0, got 0"),
        (["sweep.detect=a"], "sweep.detect must be a number of points above 0, got 'a'"),
        (["sweep.rerun=some"], "sweep.rerun must be none"),
        (["optimizer.lr=-1"], "optimizer"),
    ],
)
def test_what_a_launch_would_refuse_is_refused(outputs, capsys, more, message):
    assert preview.main([*TINY, *more]) == 2
    written = capsys.readouterr()
    assert message in written.err and len(written.err.splitlines()) == 1 and written.out == ""


def test_finished_seeds_tell_the_power(outputs, capsys):
    asked = ["-m", *TINY, "regularizer=none,dropout", "seed=0,1,2"]
    (plan,) = plans(asked[1:])
    finish(plan, [0.90, 0.91, 0.92, 0.905, 0.925, 0.925])  # differences 0.5, 1.5, 0.5: sd 0.577 points
    assert preview.main([*asked, "sweep.detect=1"]) == 0
    text = capsys.readouterr().out
    assert "6 cells, 6 finished, nothing to train" in text
    # 5 seeds at a standard deviation of 0.577, more on average over what three seeds leave open
    asked_for = "to detect a difference of 1 points with 80% power (the table's verdict, 1 comparison): "
    seeds, seconds = re.search(re.escape(asked_for) + r"(\d+) seeds, about (.*?) in all", text).groups()
    assert (seeds, seconds) == ("9", "36 s")
    assert "your 3 seeds have 39%, and detect 1.88" in text
    assert "is 0.58 points, 95% interval 0.30 to 3.63 (so 3 to 106 seeds)" in text
    assert preview.main([*asked, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    (found,) = printed["plans"]
    assert printed["data"] == [], "of cells that are to be trained"
    assert found["finished"] == 6 and found["todo"] == 0 and [row["seconds"] for row in found["rows"]] == [4.0, 4.0]
    assert found["power"]["seeds_needed"] > 5 and found["power"]["spread"]["seeds"] == 3


def test_test_images_that_no_number_of_seeds_outweighs_are_told(outputs, capsys):
    asked = ["-m", *TINY, "regularizer=none,dropout", "seed=0,1,2"]
    (plan,) = plans(asked[1:])
    random, targets = np.random.default_rng(0), np.zeros(200, np.int64)
    for cell in plan.cells:
        right = random.random(200) < (0.9 if "dropout" in cell.row else 0.6)
        finish(replace(plan, cells=[cell]), [float(right.mean())])
        logits = np.eye(2, dtype=np.float32)[np.where(right, 0, 1)]
        write_arrays(cell.run.predictions, {"last": logits, "best": logits, "targets": targets})
    assert preview.main([*asked, "sweep.detect=3"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"the choice of test images adds a standard error of \d\.\d\d points, however many seeds", text)
    few = preview.main([*asked, "sweep.detect=0.5"])
    assert few == 0 and "1 comparison): no number of seeds, with these test images; your 3" in capsys.readouterr().out


def test_a_difference_beyond_the_last_interim_analysis_is_said_to_be(outputs, capsys):
    asked = ["-m", *TINY, "regularizer=none,dropout", "sweep.seeds=auto", "sweep.looks=[3,5]"]
    (plan,) = plans(asked[1:])
    finish(plan, [0.90, 0.91, 0.92, 0.905, 0.925, 0.925])
    assert preview.main([*asked, "sweep.detect=0.5"]) == 0
    assert "sweep.detect=0.5 cannot be reached: by 5 seeds, the last of sweep.looks" in capsys.readouterr().out
    assert preview.main([*asked, "sweep.detect=9"]) == 0
    assert "cannot be reached" not in capsys.readouterr().out


def test_seeds_of_an_earlier_command_count(outputs):
    rows = [*TINY, "regularizer=none,dropout", "name=grow"]
    (first,) = plans([*rows, "seed=0,1"])
    write_plan(first.outputs, first.name, first.about, first.cells)
    finish(first, [0.9, 0.91, 0.92, 0.91])
    (more,) = plans([*rows, "seed=2,3,4"])
    (block,) = power.finished_cells(more)
    assert {row: {cell.seed: cell.value("test/acc_last") for cell in cells} for row, cells in block.items()} == {
        "regularizer=none": {0: 0.9, 1: 0.91},
        "regularizer=dropout": {0: 0.92, 1: 0.91},
    }
    (other,) = plans([*rows, "seed=2,3,4", "optimizer.lr=0.5"])
    assert power.finished_cells(other) == []  # the same names, another treatment


def test_each_combination_of_factors_has_its_own_baseline(outputs):
    asked = ["+ablation=demo", "seed=0,1", "optimizer.lr=0.02,0.05"]
    (plan,) = plans(asked)
    finish(plan, [0.9 + 0.001 * (index % 7) for index in range(len(plan.cells))])
    found = Pricing().price(plan)
    assert len(found.lines) == 10 and len(power.finished_cells(plan)) == 2
    assert power.estimate_pilot(found, power.known_of(plan)).spread.rows == 8
    with pytest.raises(UserError, match="sweep.detect"):
        power.estimate_pilot(Pricing().price(plans([*asked, "sweep.detect=.nan"])[0]), power.known_of(plan))


def test_prefixes():
    assert [preview.with_si_prefix(n) for n in (0, 999, 19_475_840, 1.814e9, 4.09e12)] == [
        "0",
        "999",
        "19.5 M",
        "1.81 G",
        "4.09 T",
    ]
