"""A sweep of the demo's rows through a hundred kills and more: table and every weight as if nothing had happened.

`make test-faults`; its figures go where DROPGRID_FAULTS says.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from chaos import Chaos, Sweep

pytestmark = pytest.mark.faults

SWEEP = ["+ablation=demo", "seed=0,1", "augment=crop_flip", "lr_schedule.warmup=0.1", "trainer.max_epochs=30"]
WATCHED = ["sweep.checkpoint.steps=5", "sweep.retries.SIGKILL=100000", "sweep.retries.SIGTERM=9"]
KILLS = {"training": 70, "parent": 21, "validation": 3, "checkpoint write": 3, "result write": 3}
CELLS = 2 * len(yaml.safe_load(Path("conf/ablation/demo.yaml").read_text())["ablation"]["rows"])
DAMAGED, SECONDS = 4, 1500
SCENES = [
    *("task=segmentation", "data=composed_scenes", "model=fpn_resnet14", "augment=scale_crop", "data.size=32"),
    *("data.item_size=[12,20]", "data.train=60", "data.val=20", "data.test=20", "data.batch_size=10", "name=scenes"),
    *("regularizer=dropblock", "regularizer.block_size=3", "trainer.max_epochs=250"),
]
APART = ("timing", "provenance")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The sweep left alone."""
    sweep = Sweep(tmp_path_factory.mktemp("alone"), [*SWEEP, "sweep.checkpoint.minutes=null"])
    begin = time.monotonic()
    output, _ = sweep.start().communicate()
    assert sweep.process.returncode == 0, output
    sweep.seconds = time.monotonic() - begin
    return sweep


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, alone):
    """The sweep that everything happened to, and what did."""
    sweep = Sweep(tmp_path_factory.mktemp("disturbed"), [*SWEEP, *WATCHED, f"paths.cache={alone.outputs / '.cache'}"])
    chaos, begin = Chaos(sweep, seed=0), time.monotonic()
    weights = next(alone.outputs.glob("runs/*/last.safetensors")).stat().st_size
    full = sweep.start(largest_file=weights // 2)
    output, _ = full.communicate()
    assert full.returncode == 1 and f"{CELLS} failed" in output, output
    assert "DiskFull" in output and "Traceback" not in output, output
    assert not sweep.results()
    chaos.done["full file system"] += 1
    sweep.start()
    while (left := {what: n - chaos.done[what] for what, n in KILLS.items() if n > chaos.done[what]}) and (
        time.monotonic() - begin < SECONDS
    ):
        what = chaos.random.choices(list(left), list(left.values()))[0]
        time.sleep(chaos.random.uniform(0.2, 0.8))
        chaos.strike(what, timeout=8)
        if sweep.process.poll() is not None:
            if chaos.done["damaged checkpoint"] < DAMAGED:
                chaos.damage()
            if not sweep.process.stdout.closed:
                sweep.process.stdout.close()
            if what != "parent":
                break  # the sweep is through
            sweep.start()
    assert not left, f"the sweep ended with kills to go: {left}"
    twice = [sweep.process, sweep.start()]  # the same command beside the one that runs
    outputs = [each.communicate()[0] for each in twice]
    assert [each.returncode for each in twice] == [0, 0], outputs
    chaos.done["started twice"] += 1
    sweep.seconds = time.monotonic() - begin
    return sweep, chaos


def attempts(sweep):
    """How often a cell was begun or gone on with, the full file system's turn among them."""
    return sum(len(re.findall(r"^--- ", log, re.MULTILINE)) for log in sweep.logs().values())


def test_it_happened(disturbed, record_property):
    sweep, chaos = disturbed
    told = {what: f"SIGKILL: {what}" if what in KILLS else f"a sweep: {what}" for what in chaos.done}
    record_property("survived", {told[what]: count for what, count in chaos.done.items()})
    assert all(chaos.done[what] >= n for what, n in KILLS.items()) and sum(KILLS.values()) >= 100
    assert 2 <= chaos.done["damaged checkpoint"] <= DAMAGED
    # each kill of a cell makes an attempt more, each of the command one at least
    assert attempts(sweep) >= 2 * CELLS + sum(KILLS.values())


def test_every_weight_and_result_is_as_if_nothing_had(alone, disturbed):
    sweep, _ = disturbed
    mine, theirs = sweep.results(), alone.results()
    assert len(theirs) == CELLS and mine.keys() == theirs.keys()
    for cell, result in mine.items():
        assert {k: v for k, v in result.items() if k not in APART} == {
            k: v for k, v in theirs[cell].items() if k not in APART
        }
        for name in ("last.safetensors", "best.safetensors", "metrics.csv", "predictions.npz"):
            one, two = (each.outputs / "runs" / cell / name for each in (sweep, alone))
            assert one.read_bytes() == two.read_bytes(), (cell, name)


def test_the_table_is_the_same(alone, disturbed):
    tables = [
        json.loads(next(each.outputs.glob("ablations/*/table.json")).read_text()) for each in (disturbed[0], alone)
    ]
    for table in tables:
        for row in table["rows"]:
            row.pop("seconds", None)
    assert tables[0]["rows"] == tables[1]["rows"]


def test_no_step_before_a_durable_checkpoint_was_computed_twice(disturbed):
    sweep, _ = disturbed
    resumed = 0
    for cell, log in sweep.logs().items():
        durable, excused = 0, False
        for line in log.splitlines():
            if found := re.match(r"checkpoint before step (\d+)", line):
                durable = int(found[1])
            elif "is damaged" in line:
                excused = True
            elif found := re.match(r"continues before step (\d+)", line):
                assert excused or int(found[1]) >= durable, f"{cell} went back from {durable} to {found[1]}"
                durable, excused, resumed = int(found[1]), False, resumed + 1
    assert resumed > 50


def test_damaged_checkpoints_were_told_and_nothing_was_left_behind(disturbed):
    sweep, chaos = disturbed
    told = sum(log.count("is damaged: going back") for log in sweep.logs().values())
    assert told == chaos.done["damaged checkpoint"]
    left = [path.name for folder in (sweep.outputs / "runs").iterdir() for path in folder.iterdir()]
    assert not [name for name in left if name.startswith(".") or name in ("lease", "state.json", "checkpoints")]


def test_the_figures_are_kept(alone, disturbed):
    """Not a check: where asked to, the suite writes down what it did."""
    sweep, chaos = disturbed
    place = os.environ.get("DROPGRID_FAULTS")
    if not place:
        pytest.skip("DROPGRID_FAULTS names no file")
    machine = json.loads(next(sweep.outputs.glob("runs/*/environment.json")).read_text())
    figures = {
        "cells": CELLS,
        "kills": {what: chaos.done[what] for what in KILLS},
        "others": {what: n for what, n in chaos.done.items() if what not in KILLS},
        "attempts": attempts(sweep),
        "commands": sweep.starts,
        "seconds": {"left alone": round(alone.seconds, 1), "disturbed": round(sweep.seconds, 1)},
        "identical": True,
        "machine": {key: machine[key] for key in ("processor", "cores", "python", "versions", "source")},
    }
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_text(json.dumps(figures, indent=1) + "\n")


def test_a_cell_that_labels_pixels_is_as_if_nothing_had_happened(tmp_path):
    alone = Sweep(tmp_path / "alone", [*SCENES, "sweep.checkpoint.minutes=null"])
    output, _ = alone.start().communicate()
    assert alone.process.returncode == 0, output
    sweep = Sweep(tmp_path / "killed", [*SCENES, *WATCHED, f"paths.cache={alone.outputs / '.cache'}"])
    chaos, begin = Chaos(sweep, seed=1), time.monotonic()
    sweep.start()
    while chaos.done["training"] < 100 and time.monotonic() - begin < SECONDS:
        time.sleep(chaos.random.uniform(0.05, 0.25))
        chaos.strike("training", timeout=8)
        assert sweep.process.poll() is None, "the cell ended with kills to go"
    output, _ = sweep.process.communicate()
    assert sweep.process.returncode == 0 and chaos.done["training"] == 100, output
    ((cell, result),) = sweep.results().items()
    theirs = alone.results()[cell]
    assert {k: v for k, v in result.items() if k not in APART} == {k: v for k, v in theirs.items() if k not in APART}
    for name in ("last.safetensors", "best.safetensors", "metrics.csv", "predictions.npz"):
        one, two = (each.outputs / "runs" / cell / name for each in (sweep, alone))
        assert one.read_bytes() == two.read_bytes(), name
