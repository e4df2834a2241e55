"""Weight normalization (Salimans, Kingma, NeurIPS 2016)."""

from collections.abc import Callable

from torch import nn
from torch.nn.utils.parametrizations import weight_norm


def weight(layer: Callable[..., nn.Module], features: int) -> tuple[nn.Module, nn.Module]:
    """w = g · v / ‖v‖ for the incoming weights of each unit, g and v learned; no module follows, the layer has a bias.

    Torch's parametrization: `layer.weight` is w, and `layer.weight = …` sets v to what is given and g to its length.
    A unit is a row of a linear layer, an output channel of a convolution (all its inputs and cells together). The
    parameters are `parametrizations.weight.original0`, g of shape (out, 1, …), and `original1`, v of w's shape. An
    optimizer's decay takes both: of g it is the decay of w, of v it acts through the effective learning rate alone, as
    it does on weights under batch norm. A w of zeros has no direction, and gives nan.

    Differs from the paper: the first g and b are the initializer's (g = ‖v‖, b = 0), not from a batch (§3).

    Source: §2, eq. 2.
    """
    return weight_norm(layer(bias=True)), nn.Identity()
