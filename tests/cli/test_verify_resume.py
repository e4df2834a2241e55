"""The proof of exact resuming, and that it would find a difference."""

import json

import in_process
import numpy as np
import pytest

from dropgrid.cli.verify_resume import differences, kill_points

TINY = ["data=fake", "data.size=12", "data.train=80", "data.batch_size=8", "model.width=0.25", "trainer.max_epochs=3"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["regularizer=dropblock", "regularizer.block_size=3", "augment=crop_flip", "lr_schedule.warmup=0.3"],
        pytest.param(
            ["regularizer=drop_path", "optimizer=adamw", "trainer.accumulate_grad_batches=2", "data.val=0"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [
                *("task=segmentation", "data.targets=masks", "model=fpn_resnet14", "augment=scale_crop"),
                *("regularizer=dropblock", "regularizer.block_size=3", "regularizer.part=both"),
            ],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_killed_everywhere_the_bits_are_the_same(overrides, tmp_path):
    done = in_process.command("verify_resume", *TINY, *overrides, f"paths.cache={tmp_path}", outputs=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical: weights" in done.stdout and "continues before step" in done.stdout
    assert done.stdout.count("SIGKILL") >= 7 and "SIGTERM" in done.stdout


def test_a_difference_is_named(tmp_path):
    for name in ("alone", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("last.safetensors", "best.safetensors", "metrics.csv"):
            (folder / file).write_text("same")
        np.savez(folder / "predictions.npz", last=np.zeros(3))
        result = {"metrics": {"x": 1}, "timing": name, "provenance": name}
        (folder / "result.json").write_text(json.dumps(result))
    assert differences(tmp_path / "alone", tmp_path / "killed") == []
    (tmp_path / "killed" / "metrics.csv").write_text("other")
    (tmp_path / "killed" / "result.json").write_text(json.dumps({**result, "metrics": {"x": 2}}))
    assert differences(tmp_path / "alone", tmp_path / "killed") == ["metrics.csv", "result.json: metrics"]


def test_the_points_are_in_the_order_of_training_and_within_it():
    for steps, epochs in ((30, 3), (4, 1), (6, 3), (4, 4), (5, 2)):
        found = [when for where, when, _ in kill_points(steps, epochs, True).values() if where == "step"]
        assert found == sorted(found) and found[-1] < steps, (steps, epochs)
