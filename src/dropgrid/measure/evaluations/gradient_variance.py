"""The variance of the gradient on a mini-batch, by batch size."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import checks, streams
from dropgrid.data.batches import batches
from dropgrid.data.split import Split
from dropgrid.data.stratified import stratified
from dropgrid.learner import Learner
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, TrainedCell, require_list
from dropgrid.sites import with_inference

WHEN = ("start", "end")


def gradient_variance(
    cell: TrainedCell, *, sizes: Sequence[int], draws: int, images: int, at: str, seed: int
) -> MeasureResult:
    """E‖g_B - g‖² / ‖g‖², with g_B the gradient of the loss on B of N training images and g the gradient on all N.

    The mean is over `draws` batches, each drawn without replacement. Theory: E‖g_B - g‖² = (S² / B)(1 - B / N), S² =
    Σᵢ ‖gᵢ - g‖² / (N - 1) over the gradients of single images; for B far below N it falls as 1 / B.

    The gradient is of the cell's own loss, by all trained parameters, without penalty, weight decay and augmentation.
    The network is in eval mode without masks: norms use their running statistics, so g is the mean of the gᵢ.

    Args:
        sizes: batch sizes B, 1 or more; those above N are left out.
        draws: number of batches of each size.
        images: the most images N, each class in proportion.
        at: `end` for the trained weights, `start` for the initial ones.
        seed: the seed of the choice of images (stream `split`) and of batches (`gradient_variance`, by size and draw).

    Arrays: `sizes` (k,); `squares` (k, draws), each ‖g_B - g‖²; `norm` (), ‖g‖; `images` (), N.

    Raises:
        DoesNotApply: a norm uses the batch's statistics in eval mode too, g is 0 or not finite, or all sizes are above
            N.
        ValueError: a size, draws or images is not a whole number above 0, or `at` is another name.

    Source: Bottou, Curtis, Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 2018, §4.1,
    whose batches are drawn with replacement; the factor 1 - B / N is the finite-population correction (Cochran,
    "Sampling techniques", 1977, §2.6).
    """
    cell.require_classes()
    for key, values in (("sizes", require_list("sizes", sizes)), ("draws", [draws]), ("images", [images])):
        wrong = [each for each in values if not checks.is_whole_number(each) or each < 1]
        if wrong:
            raise ValueError(f"{key}: whole numbers, 1 or more, got {wrong[0]!r}")
    checks.one_of("at", at, WHEN)
    network = with_inference(cell.network if at == "end" else cell.initial(), False)
    if any(isinstance(each, _BatchNorm) and each.running_mean is None for each in network.modules()):
        raise DoesNotApply("a norm takes its statistics from the batch: a gradient is no mean over images")
    split = sample_images(cell.splits.train, images, seed)
    count = len(split)
    wanted = [size for size in dict.fromkeys(sizes) if size <= count]
    if not wanted:
        raise DoesNotApply(f"every one of evaluate.sizes is above the {count} training images")
    learner = cell.learner(network, cell.seed).to(cell.device).eval()
    whole = mean_gradient(learner, split, cell.config["data"]["eval_batch_size"])
    square = float(whole.square().sum())
    if not 0 < square < float("inf"):
        raise DoesNotApply(f"the gradient's square is {square:g}: nothing to compare with")
    squares = np.array(
        [[squared_distance(learner, split, whole, size, k, seed) for k in range(draws)] for size in wanted]
    )
    found = {
        f"variance_{size}": Measure(float(each.mean()) / square, f"Gradient variance B = {size}", "")
        for size, each in zip(wanted, squares, strict=True)
    }
    found["norm"] = Measure(square**0.5, "Norm of the gradient", "")
    arrays = {"sizes": np.array(wanted), "squares": squares, "norm": np.array(square**0.5), "images": np.array(count)}
    return MeasureResult(found, arrays)


def sample_images(split: Split, most: int, seed: int) -> Split:
    """Return at most `most` images of a split, each class in proportion."""
    order = torch.from_numpy(stratified(np.asarray(split.labels), seed))
    return split.select(order[:most])


def squared_distance(learner: Learner, split: Split, whole: Tensor, size: int, draw: int, seed: int) -> float:
    """Return ‖g_B - g‖² of one batch."""
    generator = streams.generator(seed, "gradient_variance", size, draw)
    batch = split.select(torch.randperm(len(split), generator=generator)[:size])
    return float((mean_gradient(learner, batch, size) - whole).square().sum())


def mean_gradient(learner: Learner, split: Split, at_once: int) -> Tensor:
    """Return the gradient of the mean loss over a split, float64 (parameters,), from batches of `at_once`."""
    parameters = [each for each in learner.network.parameters() if each.requires_grad]
    total = torch.zeros(sum(each.numel() for each in parameters), dtype=torch.float64, device=learner.device)
    for images, labels in batches(split, at_once, order=None, drop_last=False, workers=0, device=learner.device):
        with torch.enable_grad():
            loss, _ = learner.objective.step(learner.network, learner.loss, learner.normalize(images), labels)
        found = torch.autograd.grad(loss, parameters, materialize_grads=True)
        total += nn.utils.parameters_to_vector(found).double() * (len(labels) / len(split))
    return total
