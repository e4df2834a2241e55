"""Group normalization (Wu, He, ECCV 2018)."""

from collections.abc import Callable

from torch import nn

from dropgrid import checks


def group(
    layer: Callable[..., nn.Module], features: int, *, groups: int, eps: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift, statistics over each group of channels of one example (§3.1).

    The same in training and in eval, at any batch size.

    Raises:
        ValueError: the groups do not divide a layer's channels; eps not above 0; affine not a bool.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.affine", affine)
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or features % groups:
        raise ValueError(f"norm.groups must divide every layer's channels; {groups!r} does not divide {features}")
    return layer(bias=not affine), nn.GroupNorm(groups, features, eps=eps, affine=affine)
