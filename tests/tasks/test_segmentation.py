"""Segmentation against torchmetrics, and against counts made pixel by pixel."""

import hashlib

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from dropgrid.augments.context import IGNORED
from dropgrid.data.source import MaskSpec
from dropgrid.tasks import segmentation
from dropgrid.tasks.segmentation import Segmentation

CLASSES = 5


@pytest.fixture
def logits():
    return torch.randn(7, CLASSES, 6, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def targets():
    found = torch.randint(
        CLASSES - 1, (7, 6, 4), generator=torch.Generator().manual_seed(1)
    )  # the last class is absent
    found[2, :3] = IGNORED
    return found


def slow_matrix(prediction, target):
    found = torch.zeros(CLASSES, CLASSES, dtype=torch.float64)
    for is_, taken in zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if is_ != IGNORED:
            found[is_, taken] += 1
    return found


def test_confusion_matrices_count_each_pixel(logits, targets):
    found = segmentation.confusion_matrices(logits, targets)
    assert torch.equal(found, torch.stack([slow_matrix(*each) for each in zip(logits.argmax(1), targets, strict=True)]))


def test_mean_iou_and_pixel_accuracy_are_those_of_torchmetrics(logits, targets):
    total = segmentation.confusion_matrices(logits, targets).sum(0)
    given = {"num_classes": CLASSES, "ignore_index": IGNORED}
    each = multiclass_jaccard_index(logits, targets, average="none", **given)
    both, either = segmentation.intersections_and_unions(total)
    assert torch.allclose(both / either, each.double(), atol=1e-6)
    assert segmentation.mean_iou(total) == pytest.approx(float(each.mean()), abs=1e-6)
    pixels = multiclass_accuracy(logits, targets, average="micro", **given)
    assert segmentation.pixel_accuracy(total) == pytest.approx(float(pixels), abs=1e-6)


def test_a_class_that_neither_is_nor_is_predicted_does_not_count():
    assert segmentation.mean_iou(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]])) == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_the_epochs_numbers_are_those_of_all_batches_together(logits, targets):
    task = Segmentation()
    sums = torch.zeros(task.sums(CLASSES), dtype=torch.float64)
    for part in (slice(0, 3), slice(3, 7)):
        task.accumulate(sums, torch.tensor(float(part.stop)), logits[part], targets[part])
    means = task.means(sums.tolist())
    assert means["miou"] == pytest.approx(task.headline_value(task.collect([(logits, targets)])))
    assert means["loss"] == pytest.approx((3 * 3 + 4 * 7) / 7)


def test_pixels_that_are_ignored_have_no_gradient(logits, targets):
    given = logits.clone().requires_grad_()
    loss, _ = Segmentation().step(torch.nn.Identity(), torch.nn.CrossEntropyLoss(), given, targets)
    loss.backward()
    assert not given.grad[2, :, :3].any() and given.grad[2, :, 3:].all()
    counted = targets != IGNORED
    own = -(logits.log_softmax(1) * one_hot(targets.clamp(min=0), CLASSES).permute(0, 3, 1, 2)).sum(1)
    assert loss.item() == pytest.approx(float(own[counted].mean()), rel=1e-6)


def test_jackknife_values_have_the_metric_as_their_mean_and_its_jackknife_variance(logits, targets):
    matrices = segmentation.confusion_matrices(logits, targets)
    values = segmentation.jackknife_values(matrices)
    assert float(values.mean()) == pytest.approx(segmentation.mean_iou(matrices.sum(0)))
    n = len(matrices)
    without = [segmentation.mean_iou(matrices[torch.arange(n) != i].sum(0)) for i in range(n)]
    variance = (n - 1) / n * sum((each - np.mean(without)) ** 2 for each in without)
    assert float(values.var() / n) == pytest.approx(variance)
    assert segmentation.jackknife_values(matrices[:1]).tolist() == [segmentation.mean_iou(matrices[0])]


def test_the_jackknife_agrees_with_repeated_sampling_of_images():
    """Its standard error is the spread of mean IoU over samples of images, as a bootstrap finds it."""
    draws = torch.Generator().manual_seed(2)
    target = torch.randint(3, (300, 8, 8), generator=draws)
    noise = torch.randn(300, 3, 8, 8, generator=draws)
    matrices = segmentation.confusion_matrices(one_hot(target, 3).permute(0, 3, 1, 2) + noise, target)
    samples = torch.randint(300, (2000, 300), generator=draws)
    spread = np.std([segmentation.mean_iou(matrices[each].sum(0)) for each in samples])
    assert float(segmentation.jackknife_values(matrices).std() / 300**0.5) == pytest.approx(spread, rel=0.1)


def test_predictions_keep_matrices_pictures_and_a_digest(logits, targets):
    task, spec = Segmentation(), MaskSpec(tuple("abcde"), 3, (6, 4), 7, 0, 7)
    kept = task.collect([(logits[:4], targets[:4]), (logits[4:], targets[4:])])
    arrays = task.arrays(kept, kept)
    assert np.array_equal(arrays["confusion/last"].sum(0), segmentation.confusion_matrices(logits, targets).sum(0))
    assert np.array_equal(arrays["pictures"], logits.argmax(1))
    assert arrays["targets"].tolist() == (targets != IGNORED).flatten(1).sum(1).tolist()
    assert str(arrays["images"]) == hashlib.sha256(targets.numpy().tobytes()).hexdigest()[:16]
    assert task.prediction_bytes(spec) >= sum(each.nbytes for each in arrays.values())
    assert not task.diverged(kept) and task.diverged(task.collect([(logits * torch.inf, targets)]))
