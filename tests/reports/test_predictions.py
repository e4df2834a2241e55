"""Predictions as they lie on disk, from the file to the interval."""

import json

import numpy as np
import pytest

from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.predictions import image_values_by_row
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

IMAGES = 400


def predict(fake, seed=0):
    """Predictions that have exactly the accuracies of the fake cells, rounded to an image."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, 10, IMAGES)
    hard = {row: random.normal(size=IMAGES) for row in ("baseline", "dropout", "drop_path")}  # what each finds hard
    for cell in fake.cells:
        run = fake.outputs / "runs" / cell["line"]["cell"]
        share = round(cell["result"]["metrics"]["test/acc_last"] * IMAGES) / IMAGES
        cell["result"]["metrics"]["test/acc_last"] = share
        (run / "result.json").write_text(json.dumps(cell["result"]))
        right = hard[cell["line"]["row"]].argsort().argsort() < round(share * IMAGES)
        logits = np.eye(10)[np.where(right, targets, (targets + 1) % 10)]
        np.savez_compressed(run / "predictions.npz", last=logits, best=logits, targets=targets)


@pytest.fixture
def ablation(fake):
    fake.add(["baseline", "dropout", "drop_path"], seeds=3).write()
    predict(fake)
    return read("demo", fake.outputs)


def test_what_was_right_has_the_accuracy_of_the_result(ablation):
    found = image_values_by_row(ablation.blocks[0].rows, "test/acc_last")
    for row, cells in ablation.blocks[0].rows.items():
        for cell in cells:
            assert found[row][cell.seed].mean() == pytest.approx(cell.value("test/acc_last"))
    assert image_values_by_row(ablation.blocks[0].rows, "test/nll_last") is None


def test_they_widen_the_interval_and_the_notes_say_so(ablation, fake):
    table = tabulate(ablation)
    assert all(row.comparison.examples > 0.5 for row in table.rows if not row.baseline)
    assert any("They cover training and the choice of test images" in note for note in table_notes(table))
    with_images = [row.comparison.error for row in table.rows if row.comparison]
    for path in fake.outputs.glob("runs/*/predictions.npz"):
        path.unlink()
    alone = tabulate(read("demo", fake.outputs))
    assert all(a > b.comparison.error for a, b in zip(with_images, alone.rows[1:], strict=True))
    assert any("the cells have no predictions to tell more" in note for note in table_notes(alone))


@pytest.mark.parametrize("damage", ["truncated", "other images", "no logits"])
def test_where_they_are_damaged_or_of_other_images_they_do_not_count(ablation, fake, damage):
    path = fake.outputs / "runs" / fake.of("dropout")[1]["line"]["cell"] / "predictions.npz"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    else:
        with np.load(path) as file:
            parts = dict(file)
        parts["targets"] = (parts["targets"] + 1) % 10
        if damage == "no logits":
            del parts["last"]
        np.savez_compressed(path, **parts)
    assert image_values_by_row(ablation.blocks[0].rows, "test/acc_last") is None
    assert all(row.comparison.examples is None for row in tabulate(ablation).rows if row.comparison)
