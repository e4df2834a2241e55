"""A small ablation of segmentation from command line to published table: what holds for classes holds for masks."""

import json
import math

import numpy as np
import pytest
import torch
from in_process import command
from option_nodes import option_node
from PIL import Image

from dropgrid.augments.context import IGNORED
from dropgrid.instantiate import instantiate
from dropgrid.reports.predictions import image_values
from dropgrid.reports.report import build_table
from dropgrid.statistics.simultaneous import images_variance
from dropgrid.store.ablation import read

SMALL = [
    *("task=segmentation", "data=composed_scenes", "model=fpn_resnet14", "optimizer=adam", "augment=crop_flip"),
    *("augment.padding=2", "data.size=32", "data.item_size=[12,20]", "data.count=[1,2]", "data.train=60"),
    *("data.val=20", "data.test=40", "data.batch_size=20", "model.width=0.5", "trainer.max_epochs=2"),
]
SWEEP = ["-m", *SMALL, "regularizer=none,dropblock", "regularizer.block_size=3", "seed=0,1,2", "name=masks"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks") / "outputs"
    ran = command("train", *SWEEP, outputs=folder)
    assert ran.returncode == 0 and "6 of 6 done" in ran.stdout, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def table(outputs):
    return build_table("masks", outputs)


def test_the_table_is_of_mean_iou_with_intervals_over_seeds_and_images(table):
    assert table.ablation.metric == "test/miou_last" and {row.sample.n for row in table.rows} == {3}
    one, other = table.rows
    assert all(math.isfinite(row.sample.mean) for row in (one, other))
    values = {
        row.name: {cell.seed: image_values(cell, "last").values for cell in block_row}
        for row, block_row in zip(table.rows, table.ablation.blocks[0].rows.values(), strict=True)
    }
    for row in table.rows:
        means = [100 * float(each.mean()) for each in values[row.name].values()]
        assert row.sample.mean == pytest.approx(np.mean(means), abs=1e-3)
    assert images_variance(*values.values()) > 0
    assert other.comparison.ci95[0] < other.comparison.ci95[1]


def test_the_report_names_the_metric(outputs):
    shown = command("report", "masks", outputs=outputs).stdout
    assert "Test mIoU" in shown and "accuracy" not in shown.lower()
    about = json.loads((outputs / "ablations" / "masks" / "table.json").read_text())
    assert "accuracy" not in json.dumps(about).lower()


def test_sites_were_dropped_at_their_expected_rate(outputs):
    for path in sorted((outputs / "runs").glob("*/result.json")):
        result = json.loads(path.read_text())
        assert result["treatment"]["flagged"] == []
        assert set(result["metrics"]) >= {"test/miou_last", "val/miou_best", "train/miou", "test/image_miou_last"}


@pytest.mark.parametrize(
    "evaluation, wanted",
    [
        (["+evaluate=corruption", "evaluate.kinds=[gaussian_noise]", "evaluate.levels.gaussian_noise=[0.1]"], "mIoU"),
        (["+evaluate=dropblock_inference", "evaluate.keep_probs=[0.9]", "evaluate.block_sizes=[3]"], "mIoU"),
        (["+evaluate=occlusion", "evaluate.sizes=[8]"], "mIoU"),
        (["+evaluate=calibration"], "it needs a class for each image, and this cell's data have masks"),
        (["+evaluate=adversarial"], "it needs a class for each image, and this cell's data have masks"),
        (["+evaluate=monte_carlo"], "it needs a class for each image, and this cell's data have masks"),
    ],
)
def test_evaluations_measure_mean_iou_or_say_why_not(outputs, evaluation, wanted):
    ran = command("evaluate", "masks", *evaluation, outputs=outputs)
    assert ran.returncode == 0 and wanted in ran.stdout, ran.stdout + ran.stderr


def test_a_published_table_is_recomputed_from_its_values(outputs, table, tmp_path):
    from dropgrid.reports.recompute import publish_values, recompute_table

    target = tmp_path / "masks"
    target.mkdir()
    publish_values(table, outputs, target)
    (target / "table.json").write_text("{}")
    with recompute_table(target) as (again, _):
        for one, other in zip(table.rows, again.rows, strict=True):
            assert other.sample == one.sample
            if one.comparison:
                assert other.comparison.ci95 == pytest.approx(one.comparison.ci95, abs=1e-3)
        cells, others = (each.ablation.cells for each in (table, again))
        for one, other in zip(cells, others, strict=True):
            assert np.allclose(image_values(one, "last").values, image_values(other, "last").values)
            assert image_values(one, "last").images == image_values(other, "last").images


def test_pictures_of_masks_are_drawn_and_handed_to_wandb_as_masks(outputs, tmp_path, monkeypatch):
    from dropgrid.dashboards.backfill import examples_of_cell
    from dropgrid.loggers.wandb import Wandb
    from dropgrid.measure.cell_figures import draw_cell_figures, read_predictions, show_cell

    cell = read("masks", outputs).cells[0]
    classes, tests = examples_of_cell(cell)
    predicted = read_predictions(cell.folder)
    assert draw_cell_figures(cell.folder, "x", predicted, classes, tests).keys() >= {"predictions/masks"}
    monkeypatch.setenv("WANDB_MODE", "offline")
    about = {"id": cell.id, "name": "x", "ablation": "masks", "row": cell.row, "config": {}}
    options = {"project": "p", "entity": None, "mode": None, "timeout": 20, "weights": False}
    logger = Wandb(folder=cell.folder, cell=about, **options)
    show_cell([logger], cell.folder, "x", classes, tests)
    logger.close({})
    assert not logger.failed
    (media,) = (outputs / "wandb").glob(f"*{cell.id}/files/media/images")
    found = {np.asarray(Image.open(path)).tobytes() for path in (media / "mask/predictions").iterdir()}
    kept = np.load(cell.folder / "predictions.npz")["pictures"]
    assert found == {np.asarray(each).tobytes() for each in (*tests.labels[:16], *kept)}
    pixels = {np.asarray(Image.open(path)).tobytes() for path in (media / "predictions").glob("test_images*")}
    assert pixels == {each.permute(1, 2, 0).numpy().tobytes() for each in tests.images[:16]}


@pytest.mark.parametrize(
    "changes, said",
    [
        (["data=fake"], "task=segmentation needs data with masks, and those of data=Fake are classes"),
        (["task=classification"], "task=classification needs data with classes"),
        (["model=resnet14_mnist"], "task=segmentation needs outputs of 11×32×32 for an image, and this network"),
        (["augment=mixup"], "augment=mixup has no form for masks"),
        (["augment=randaugment"], "augment=randaugment has no form for masks"),
        (["data.sampler=by_class"], "data.sampler=by_class needs a class for each image"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(outputs, changes, said):
    kept = [each for each in SMALL if not (changes == ["data=fake"] and each.startswith("data."))]
    kept = [each for each in kept if not (changes[0].startswith("model=") and each.startswith("model."))]
    kept = [each for each in kept if not (changes[0].startswith("augment=") and each.startswith("augment."))]
    ran = command("train", *kept, *changes, outputs=outputs)
    assert ran.returncode == 2 and said in ran.stderr and ran.stderr.count("\n") <= 2, ran.stderr


def test_augmentations_follow_masks_or_refuse_them():
    masks = torch.randint(5, (4, 12, 10))
    for name, follows in (
        ("crop_flip", True),
        ("scale_crop", True),
        ("cutout", True),
        ("mixup", False),
        ("autoaugment", False),
    ):
        augment = instantiate("augment", option_node("augment", name))
        generator = torch.Generator().manual_seed(0)
        if follows:
            _, moved = augment(torch.randn(4, 3, 12, 10), masks, generator=generator, context=None)
            assert moved.shape == masks.shape and {*moved.unique().tolist()} <= {*range(5), IGNORED}
        else:
            with pytest.raises(ValueError, match=f"augment={name} has no form for masks"):
                augment(torch.randn(4, 3, 12, 10), masks, generator=generator, context=None)
