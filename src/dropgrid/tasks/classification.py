"""Classification: one class per image.

Outputs are logits (N, classes), targets class indices (N,); in the loss, class probabilities (N, classes) too.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid.data.source import Spec
from dropgrid.tasks.description import CLASSIFICATION
from dropgrid.tasks.objective import Loss, Objective

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule

CALIBRATION_BINS = 15


class Classification(Objective[tuple[Tensor, Tensor]]):
    """Predictions are the logits (N, classes), float32, and the targets (N,) of a split."""

    description = CLASSIFICATION
    targets = "classes"

    def learner(self, network: nn.Module, make: "Callable[..., LightningModule]") -> "LightningModule":
        return make(network, objective=self)

    def output_shape(self, spec: Spec) -> tuple[int, ...]:
        return (len(spec.classes),)

    def step(self, network: nn.Module, loss: Loss, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = network(images)
        return loss(logits, targets), logits

    def sums(self, classes: int) -> int:
        return 3  # losses, correct, seen

    def accumulate(self, sums: Tensor, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        losses, hits, seen = sums.unbind()
        losses.add_(loss.detach().double() * len(targets))
        hits.add_((outputs.detach().argmax(1) == targets).sum())
        seen.add_(len(targets))

    def means(self, sums: Sequence[float]) -> dict[str, float]:
        loss, correct, seen = sums
        return {"loss": loss / seen, "acc": correct / seen} if seen else {}

    def stand_in(self, spec: Spec) -> tuple[nn.Module, Tensor]:
        linear = nn.Linear(spec.channels, len(spec.classes))
        network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
        return network, torch.zeros(2, dtype=torch.int64)

    def collect(self, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        logits, targets = [], []
        for outputs, labels in batches:
            logits.append(outputs.float().cpu())
            targets.append(labels.cpu())
        return torch.cat(logits), torch.cat(targets)

    def headline_value(self, predictions: tuple[Tensor, Tensor]) -> float:
        return accuracy(*predictions)

    def measure(
        self, train: tuple[Tensor, Tensor], last: tuple[Tensor, Tensor], best: tuple[Tensor, Tensor]
    ) -> dict[str, float]:
        train_accuracy, test_accuracy = accuracy(*train), accuracy(*last)
        return {
            "test/acc_last": test_accuracy,
            "test/acc_best": accuracy(*best),
            "test/top5_last": accuracy(*last, top=5),
            "test/nll_last": nll(*last),
            "test/ece_last": calibration_error(*last),
            "train/acc": train_accuracy,
            "train/nll": nll(*train),
            "gap": train_accuracy - test_accuracy,
        }

    def chance(self, spec: Spec) -> float:
        return 1 / len(spec.classes)

    def diverged(self, predictions: tuple[Tensor, Tensor]) -> bool:
        return not bool(predictions[0].isfinite().all())

    def arrays(self, last: tuple[Tensor, Tensor], best: tuple[Tensor, Tensor]) -> dict[str, np.ndarray]:
        return {"last": last[0].numpy(), "best": best[0].numpy(), "targets": last[1].numpy()}

    def prediction_bytes(self, spec: Spec) -> int:
        logits, labels = 4 * len(spec.classes), 8  # of an image: float32, int64
        return spec.test * (2 * logits + labels)


def accuracy(logits: Tensor, targets: Tensor, top: int = 1) -> float:
    """Return the share of examples whose target is among the `top` largest logits."""
    best = logits.topk(min(top, logits.shape[1]), dim=1).indices
    return float((best == targets[:, None]).any(1).double().mean())


def nll(logits: Tensor, targets: Tensor) -> float:
    """Return the mean negative log-likelihood of the targets, in nats."""
    return float(torch.nn.functional.cross_entropy(logits.double(), targets))


def calibration_error(logits: Tensor, targets: Tensor) -> float:
    """Return the expected calibration error: Σ over 15 equal bins of confidence of share · |accuracy - mean
    confidence|; nan if a logit is not finite.

    Source: Guo et al., ICML 2017, §2.
    """
    if not logits.isfinite().all():
        return math.nan
    confidence, predicted = logits.double().softmax(1).max(1)
    correct = (predicted == targets).double()
    bins = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add_(0, bins, correct - confidence)
    return float(gaps.abs().sum() / len(targets))
