"""Normalization of an image's values before a network sees them: `data.normalize`."""

from typing import NamedTuple

import torch
from torch import Tensor

from dropgrid import checks
from dropgrid.data.split import Memory, Splits, evenly

KINDS = ("none", "center", "standardize", "zca")

IMAGES, SMOOTHING = 10_000, 0.01
"""Training images from which ZCA is measured, at most; the addend of each variance, in units of their mean."""


class Preparation(NamedTuple):
    """x -> (x - mean) / std, of images x in [0, 1] by channel (C,); then, with `whitening` (center, matrix), of all
    D = C · H · W values as one vector matrix (x - center), (D, D) and (D,).
    """

    mean: Tensor
    std: Tensor
    whitening: tuple[Tensor, Tensor] | None = None


def preparation(kind: str, splits: Splits) -> Preparation:
    """Return the normalization that a kind derives from the training images.

    Args:
        kind: `none`, the image in [0, 1]; `center`, mean 0 by channel; `standardize`, variance 1 too; `zca`, all
            values uncorrelated (LeCun et al. 1998, "Efficient BackProp", §4.3; Bell and Sejnowski 1997): the matrix is
            U (Λ + ε)^(-1/2) Uᵀ of their covariance U Λ Uᵀ, ε = 1 % of the mean variance.

    Raises:
        ValueError: another kind, or ZCA of images that are not in memory.
    """
    checks.one_of("data.normalize", kind, KINDS)
    zeros, ones = torch.zeros_like(splits.mean), torch.ones_like(splits.std)
    if kind == "none":
        return Preparation(zeros, ones)
    if kind == "center":
        return Preparation(splits.mean, ones)
    if kind == "standardize":
        return Preparation(splits.mean, splits.std)
    train = evenly(splits.train, IMAGES)
    if not isinstance(train, Memory):
        raise ValueError("data.normalize=zca needs a data set in memory: a smaller one, or a higher data.memory_limit")
    return Preparation(zeros, ones, zca(train.images))


def prepared(images: Tensor, how: Preparation) -> Tensor:
    """uint8 images (N, C, H, W) as a network sees them: float32."""
    values = (images.to(torch.float32) / 255 - how.mean.view(-1, 1, 1)) / how.std.view(-1, 1, 1)
    if how.whitening is not None:
        center, matrix = how.whitening
        values = ((values.flatten(1) - center) @ matrix).view_as(values)
    return values


def zca(images: Tensor) -> tuple[Tensor, Tensor]:
    """Center (D,) and matrix (D, D), float32, of uint8 images (N, C, H, W)."""
    values = images.flatten(1).double() / 255
    center = values.mean(0)
    variances, axes = torch.linalg.eigh((values - center).T @ (values - center) / len(values))
    scale = (variances.clamp(min=0) + SMOOTHING * variances.clamp(min=0).mean()).rsqrt()
    return center.float(), ((axes * scale) @ axes.T).float()
