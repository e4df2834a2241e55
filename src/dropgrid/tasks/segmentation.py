"""Semantic segmentation: a class for each pixel.

Outputs are logits (N, classes, H, W), targets masks, int64 (N, H, W) of class indices; pixels that are `IGNORED` are
neither trained on nor counted. Class 0 is the background.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid.augments.context import IGNORED
from dropgrid.data.source import Spec
from dropgrid.tasks.description import SEGMENTATION
from dropgrid.tasks.objective import Loss, Objective

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule

PICTURES = 16
"""Test images whose predicted masks are kept, to be drawn."""


class Predicted(NamedTuple):
    """What is kept of a split: each image's confusion matrix (N, classes, classes), int64, in whose row the pixels of a
    class are counted by the class that was predicted; whether all logits were finite; and the first predicted masks.
    """

    confusion: Tensor
    finite: bool
    pictures: Tensor
    images: str
    """A digest of the targets."""


class Segmentation(Objective[Predicted]):
    """The headline is mean IoU: of each class the pixels that are and are predicted as it, over those that either is
    so, both summed over all images of the split, and the mean over the classes that occur.

    Source: Everingham et al., IJCV 2015, §4.2.2 (PASCAL VOC); Long, Shelhamer, Darrell, CVPR 2015, §5.
    """

    description = SEGMENTATION
    targets = "masks"

    def learner(self, network: nn.Module, make: "Callable[..., LightningModule]") -> "LightningModule":
        return make(network, objective=self)

    def output_shape(self, spec: Spec) -> tuple[int, ...]:
        return (len(spec.classes), *spec.size)

    def step(self, network: nn.Module, loss: Loss, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = network(images)
        return loss(logits, targets), logits

    def sums(self, classes: int) -> int:
        return 2 + classes**2  # losses, images, a confusion matrix

    def accumulate(self, sums: Tensor, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        sums[0] += loss.detach().double() * len(targets)
        sums[1] += len(targets)
        sums[2:] += confusion_matrices(outputs.detach(), targets).sum(0).flatten()

    def means(self, sums: Sequence[float]) -> dict[str, float]:
        loss, images, *confusion = sums
        if not images:
            return {}
        matrix = torch.tensor(confusion, dtype=torch.float64).view(2 * [round(len(confusion) ** 0.5)])
        return {"loss": loss / images, "miou": mean_iou(matrix)}

    def stand_in(self, spec: Spec) -> tuple[nn.Module, Tensor]:
        return nn.Conv2d(spec.channels, len(spec.classes), 1), torch.zeros(2, *spec.size, dtype=torch.int64)

    def collect(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Predicted:
        counts: list[Tensor] = []
        pictures: list[Tensor] = []
        finite, digest = True, hashlib.sha256()
        for logits, targets in batches:
            counts.append(confusion_matrices(logits, targets).cpu())
            finite = finite and bool(logits.isfinite().all())
            if sum(len(each) for each in pictures) < PICTURES:
                pictures.append(logits.argmax(1).to(torch.uint8).cpu())
            digest.update(targets.cpu().numpy().tobytes())
        return Predicted(torch.cat(counts), finite, torch.cat(pictures)[:PICTURES], digest.hexdigest()[:16])

    def headline_value(self, predictions: Predicted) -> float:
        return mean_iou(predictions.confusion.sum(0))

    def measure(self, train: Predicted, last: Predicted, best: Predicted) -> dict[str, float]:
        train_miou, test_miou = self.headline_value(train), self.headline_value(last)
        return {
            "test/miou_last": test_miou,
            "test/miou_best": self.headline_value(best),
            "test/pixels_last": pixel_accuracy(last.confusion.sum(0)),
            "test/image_miou_last": float(torch.tensor([mean_iou(each) for each in last.confusion]).nanmean()),
            "train/miou": train_miou,
            "gap": train_miou - test_miou,
        }

    def diverged(self, predictions: Predicted) -> bool:
        return not predictions.finite

    def arrays(self, last: Predicted, best: Predicted) -> dict[str, np.ndarray]:
        found = {"targets": last.confusion.sum((1, 2)).numpy(), "images": np.array(last.images)}
        for weights, each in (("last", last), ("best", best)):
            found[f"confusion/{weights}"] = each.confusion.to(torch.int32).numpy()
            found[f"image_values/{weights}"] = jackknife_values(each.confusion).float().numpy()
        return {**found, "pictures": last.pictures.numpy()}

    def prediction_bytes(self, spec: Spec) -> int:
        matrix, value, count = 4 * len(spec.classes) ** 2, 4, 8  # of an image: int32, float32, int64
        height, width = spec.size
        return spec.test * (2 * (matrix + value) + count) + PICTURES * height * width + 4 * DIGEST


DIGEST = 16
"""Hex digits of the targets' digest."""


def confusion_matrices(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each image's confusion matrix (N, classes, classes), float64 on the logits' device, unsynchronised.

    Entry (a, b) counts the pixels of class a that are predicted as b, without those `IGNORED`.
    """
    images, classes = logits.shape[:2]
    wanted = targets.to(logits.device)
    counted = (wanted != IGNORED).double()
    places = wanted.clamp(min=0) * classes + logits.argmax(1)
    counts = torch.zeros(images, classes**2, dtype=torch.float64, device=logits.device)
    return counts.scatter_add_(1, places.flatten(1), counted.flatten(1)).view(images, classes, classes)


def intersections_and_unions(confusion: Tensor) -> tuple[Tensor, Tensor]:
    """Return of each class the pixels that are and are predicted as it, and those that either are, (…, classes)."""
    both = confusion.diagonal(dim1=-2, dim2=-1)
    return both, confusion.sum(-1) + confusion.sum(-2) - both


def mean_iou(confusion: Tensor) -> float:
    """Return the mean over classes of intersection / union; classes with an empty union are left out."""
    both, either = intersections_and_unions(confusion.double())
    return float((both / either).nanmean())


def pixel_accuracy(confusion: Tensor) -> float:
    """Return the share of pixels whose class is predicted."""
    return float(confusion.diagonal().sum() / confusion.sum())


def jackknife_values(confusion: Tensor) -> Tensor:
    """Return a value for each image (N,), float64, whose mean is the mean IoU θ of all, and whose variance over images
    divided by N is the delete-one jackknife's of θ: θ + (N - 1)(mean of θ₋ⱼ - θ₋ᵢ), θ₋ᵢ the mean IoU without image i.

    Mean IoU is no mean over images. These take the place of "classified correctly" in intervals that cover the choice
    of test images. Source: Efron, Stein, Annals of Statistics 9, 1981.
    """
    if len(confusion) < 2:
        return torch.full((len(confusion),), mean_iou(confusion.sum(0)), dtype=torch.float64)
    both, either = intersections_and_unions(confusion.double())
    without = ((both.sum(0) - both) / (either.sum(0) - either)).nanmean(1)
    return mean_iou(confusion.sum(0)) + (len(confusion) - 1) * (without.mean() - without)
