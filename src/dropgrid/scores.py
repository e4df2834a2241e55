"""One pass over a split, and what is measured on its logits."""

import math
from collections.abc import Callable, Iterable
from itertools import islice

import torch
from torch import Tensor

from dropgrid.learner import Batch, Learner

CALIBRATION_BINS = 15


@torch.inference_mode()
def predict(
    learner: Learner, batches: Iterable[Batch], limit: int | None = None, beat: Callable[[], object] = lambda: None
) -> tuple[Tensor, Tensor]:
    """Logits (N, classes) and targets (N,), on the CPU in float32; the learner in eval mode. `beat` is called a batch.

    Sites with `inference` on drop here too, with keys that are functions of the batch's number.
    """
    learner.eval()
    logits, targets = [], []
    for index, (images, labels) in enumerate(islice(batches, limit)):
        learner.seed_inference(index)
        logits.append(learner(images.to(learner.device)).float().cpu())
        targets.append(labels.cpu())
        beat()
    return torch.cat(logits), torch.cat(targets)


def accuracy(logits: Tensor, targets: Tensor, top: int = 1) -> float:
    """The share of examples whose target is among the `top` largest logits."""
    best = logits.topk(min(top, logits.shape[1]), dim=1).indices
    return float((best == targets[:, None]).any(1).double().mean())


def nll(logits: Tensor, targets: Tensor) -> float:
    """Mean negative log-likelihood of the targets, in nats."""
    return float(torch.nn.functional.cross_entropy(logits.double(), targets))


def calibration_error(logits: Tensor, targets: Tensor) -> float:
    """Expected calibration error: Σ over 15 equal bins of confidence of share · |accuracy - mean confidence|; nan where
    a logit is not finite.

    Source: Guo et al., ICML 2017, §2.
    """
    if not logits.isfinite().all():
        return math.nan
    confidence, predicted = logits.double().softmax(1).max(1)
    correct = (predicted == targets).double()
    bins = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add_(0, bins, correct - confidence)
    return float(gaps.abs().sum() / len(targets))
