"""Sparse initialization (Martens, ICML 2010)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dropgrid import checks
from dropgrid.initializers.layers import Generators, weights, zero_biases


def sparse(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    nonzero: int,
    std: float,
) -> None:
    """Of the fan_in weights of each unit, `nonzero` at random places are N(0, std²), the others 0. Biases 0.

    A unit's input has variance nonzero · std² times its inputs' second moment, whatever the fan: units are as
    different in a wide layer as in a narrow one, and do not saturate. A unit is a row of a linear layer, an output
    channel of a convolution (all its inputs and cells together); with fewer inputs than `nonzero` it has them all.

    Args:
        nonzero: a whole number, 1 or more; the paper's is 15.
        std: above 0; 1 in Sutskever et al., ICML 2013. The signal keeps its size where std² = gain² / nonzero.

    Raises:
        ValueError: an argument is out of its range.

    Source: §5. Differs from the paper: no biases of 0.5 for tanh. Differs from torch.nn.init.sparse_, which zeroes a
    share of each input's outgoing weights, so that chance says how many incoming ones a unit has.
    """
    checks.whole_number("init.nonzero", nonzero, 1)
    checks.number("init.std", std, above=0)
    zero_biases(model)
    for weight in weights(model):
        tensor = weight.tensor
        numbers = generator(weight.name)
        count = min(nonzero, weight.fan_in)
        # on the CPU, where the generator is: a meta tensor has no places to choose
        places = torch.rand(len(tensor), weight.fan_in, generator=numbers, device="cpu").topk(count).indices
        values = torch.empty(len(tensor), count, device="cpu").normal_(0, std, generator=numbers)
        rows = torch.zeros(len(tensor), weight.fan_in, device="cpu").scatter_(1, places, values)
        weight.set(rows.to(tensor).view_as(tensor))
