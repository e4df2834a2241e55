"""Batch normalization (Ioffe, Szegedy, ICML 2015)."""

from collections.abc import Callable

from torch import nn

from dropgrid.norms.arguments import check


def batch(
    layer: Callable[..., nn.Module], features: int, *, eps: float, momentum: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift by channel, over the batch in training, moving averages in eval.

    Args:
        layer: constructor of the convolution or linear layer before it, which gets a bias exactly when the norm is
            not affine.
        features: channels.
        eps: added to the variance.
        momentum: the weight of the new batch in the moving averages (torch's convention: 0.1; papers write 0.9).
        affine: learn gain and shift.

    Raises:
        ValueError: eps not above 0, momentum outside (0, 1], affine not a bool.

    Source: Algorithms 1 and 2.
    """
    check(eps, affine)
    if isinstance(momentum, bool) or not isinstance(momentum, int | float) or not 0 < momentum <= 1:
        raise ValueError(f"norm.momentum must be a number in (0, 1], got {momentum!r}")
    before = layer(bias=not affine)
    norm = nn.BatchNorm1d if isinstance(before, nn.Linear) else nn.BatchNorm2d
    return before, norm(features, eps=eps, momentum=momentum, affine=affine)
