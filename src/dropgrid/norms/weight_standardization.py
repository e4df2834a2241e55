"""Weight standardization, with group norm (Qiao, Wang, Liu, Shen, Yuille, 2019)."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from dropgrid.norms.group import group


class Standardized(nn.Module):
    """W -> (W - mean) / sqrt(var + eps), over the incoming weights of each unit."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, weight: Tensor) -> Tensor:
        rows = weight.flatten(1)
        rows = rows - rows.mean(1, keepdim=True)
        return (rows / (rows.var(1, correction=0, keepdim=True) + self.eps).sqrt()).view_as(weight)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the parameter that `layer.weight = weight` sets."""
        return weight

    def extra_repr(self) -> str:
        return f"eps={self.eps}"


def weight_standardization(
    layer: Callable[..., nn.Module], features: int, *, groups: int, eps: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """The weights of each unit with mean 0 and variance 1, (W - mean) / sqrt(var + eps), then group norm.

    A unit is a row of a linear layer, an output channel of a convolution. What the standardization does to the length
    of weights, group norm undoes; it is left in the gradient, which has no part along W or along equal weights.

    Args:
        groups, eps, affine: of group norm; eps also of the weights' variance. `groups=1` is layer norm.

    Raises:
        ValueError: those of `norm=group`.

    Source: the paper's definition of standardized weights; group norm after them is what it trains with.
    """
    before, norm = group(layer, features, groups=groups, eps=eps, affine=affine)
    # unsafe leaves torch's trial run out, which draws nothing and checks what the tests do
    register_parametrization(before, "weight", Standardized(eps), unsafe=True)
    return before, norm
