"""Instance normalization (Ulyanov, Vedaldi, Lempitsky, 2016)."""

from collections.abc import Callable

from torch import Tensor, nn

from dropgrid import checks


class InstanceNorm2d(nn.InstanceNorm2d):
    """torch's InstanceNorm2d with our error for maps of one cell."""

    def _check_input_dim(self, input: Tensor) -> None:
        super()._check_input_dim(input)
        if input.shape[2:].numel() == 1:
            raise ValueError(
                "norm=instance takes statistics over the cells of a feature map; larger images are needed: "
                f"a map of 1×1 is left of {input.shape[1]} channels"
            )


def instance(
    layer: Callable[..., nn.Module], features: int, *, eps: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift, statistics over the cells of each channel of each example.

    The same in training and in eval, at any batch size; no running statistics.

    Raises:
        ValueError: after a linear layer, which gives one value a channel; in the forward pass, maps of 1×1; eps not
            above 0; affine not a bool.

    Source: eq. 4.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.affine", affine)
    before = layer(bias=not affine)
    if isinstance(before, nn.Linear):
        raise ValueError(
            "norm=instance takes statistics over the cells of a feature map, and a hidden linear layer has none; "
            "choose another norm for this model"
        )
    return before, InstanceNorm2d(features, eps=eps, affine=affine)
