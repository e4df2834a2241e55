"""Layer normalization (Ba, Kiros, Hinton, 2016)."""

from collections.abc import Callable

from torch import nn

from dropgrid import checks


def layer(layer: Callable[..., nn.Module], features: int, *, eps: float, affine: bool) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift, statistics over all outputs of a layer for one example.

    After a convolution that is all channels and cells together, (C, H, W), with a gain and a shift a channel: what Wu
    and He (ECCV 2018, Fig. 2) call layer norm, and group norm with one group. After a linear layer it is (C), the
    paper's own. The same in training and in eval, at any batch size.

    Differs from what some newer nets call by the name: they take the channels of each cell alone, (C).

    Raises:
        ValueError: eps not above 0; affine not a bool.

    Source: §3, eq. 3; of convolutions §6.7.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.affine", affine)
    return layer(bias=not affine), nn.GroupNorm(1, features, eps=eps, affine=affine)
