"""Batch normalization (Ioffe, Szegedy, ICML 2015)."""

from collections.abc import Callable

from torch import nn


def batch(
    layer: Callable[..., nn.Module], features: int, *, eps: float, momentum: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift by channel, over the batch in training, moving averages in eval.

    Args:
        layer: constructor of the convolution before it; it gets a bias exactly when the norm is not affine.
        features: channels.
        eps: added to the variance.
        momentum: the weight of the new batch in the moving averages (torch's convention: 0.1; papers write 0.9).
        affine: learn gain and shift.

    Source: Algorithms 1 and 2.
    """
    return layer(bias=not affine), nn.BatchNorm2d(features, eps=eps, momentum=momentum, affine=affine)
