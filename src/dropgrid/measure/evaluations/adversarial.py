"""Accuracy on adversarial test images."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dropgrid import checks, streams
from dropgrid.augments.adversarial import attack
from dropgrid.data.batches import batches
from dropgrid.learner import Learner
from dropgrid.measure.trained_cell import DoesNotApply, Measure, TrainedCell, require_list
from dropgrid.tasks.classification import accuracy


def adversarial(cell: TrainedCell, *, epsilons: Sequence[float], steps: int, seed: int) -> dict[str, Measure]:
    """Test accuracy on images x' within max |x' - x| ≤ ε of each image x, in [0, 1], chosen to raise its loss.

    FGSM takes one step of ε from x; PGD takes `steps` steps of 2.5 ε / steps from a random point of the ball, a
    function of (seed, place of the image). The loss is cross-entropy, whatever the cell was trained with. Images are
    not rounded to 8 bits. Layers that drop at inference keep their masks during the attack on a batch.

    Args:
        epsilons: numbers above 0 and at most 1; the accuracy at 0 is the ordinary one.
        steps: 1 or more.

    Raises:
        ValueError: an argument is out of its range.

    Source: Goodfellow et al., ICLR 2015, §4; Madry et al., ICLR 2018, §2.1 and §5.
    """
    cell.require_classes()
    for epsilon in require_list("epsilons", epsilons):
        if not checks.is_number(epsilon) or not 0 < epsilon <= 1:
            raise ValueError(f"epsilons lists numbers above 0 and at most 1, got {epsilon!r}")
    checks.whole_number("steps", steps, 1)
    if cell.config["data"]["normalize"] == "zca":
        raise DoesNotApply("the network sees whitened values, and an attack is on pixels")
    learner = cell.learner(cell.network, cell.seed).to(cell.device)
    found = {}
    for epsilon in epsilons:
        fast = predict_attacked(cell, learner, epsilon, 1, None)
        found[f"fgsm_{epsilon:g}"] = Measure(accuracy(*fast), f"FGSM ε = {epsilon:g}")
        slow = predict_attacked(cell, learner, epsilon, steps, seed)
        found[f"pgd_{epsilon:g}"] = Measure(accuracy(*slow), f"PGD ε = {epsilon:g}")
    return found


def predict_attacked(
    cell: TrainedCell, learner: Learner, epsilon: float, steps: int, seed: int | None
) -> tuple[Tensor, Tensor]:
    """Return logits (N, classes) and targets (N,) of attacked images, on the CPU; no seed: start at the images."""
    size, workers = cell.config["data"]["eval_batch_size"], cell.local["data"].get("workers", 0)
    loader = batches(cell.splits.test, size, order=None, drop_last=False, workers=workers, device=cell.device)
    learner.eval()
    logits, targets, place = [], [], 0
    for number, (images, labels) in enumerate(loader):
        learner.seed_inference(number)  # as for the plain accuracy
        moved = attack(
            learner.network,
            functional.cross_entropy,
            learner.normalize(images),
            labels,
            mean=learner.mean,
            std=learner.std,
            epsilon=epsilon,
            steps=steps,
            step_size=epsilon if seed is None else 2.5 * epsilon / steps,
            start=None if seed is None else random_starts(images.shape, place, seed).to(images.device),
        )
        with torch.inference_mode():
            logits.append(learner.network(moved).float().cpu())
        targets.append(labels.cpu())
        place += len(labels)
    return torch.cat(logits), torch.cat(targets)


def random_starts(shape: Sequence[int], first: int, seed: int) -> Tensor:
    """Return (N, C, H, W) uniform over [-1, 1], for the images at places `first`, `first` + 1, … of their split."""
    return torch.stack(
        [
            2 * torch.rand(tuple(shape[1:]), generator=streams.generator(seed, "adversarial", first + index)) - 1
            for index in range(shape[0])
        ]
    )
