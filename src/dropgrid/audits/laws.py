"""Laws: the fraction that a library's drop layer should drop, in closed form, from its attributes.

A law is found by the class that defines the layer's forward pass, as `module.name`: no library needs to be installed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.regularizers.dropblock import cover_counts, seed_rate

NAMES = ("drop_prob", "p", "dropout_p", "drop_rate", "rate", "prob", "dropout")
"""Attributes in which layers keep their probability."""


@dataclass(frozen=True)
class Law:
    """How a layer draws, and the probability `cells` (H, W) that each cell is dropped; None: all at `rate`.

    `unit` is what one draw decides: a `cell`, a `channel`, a `channel's map` (blocks in it), an `example`, the `batch`.
    """

    unit: str
    rate: float
    cells: Tensor | None = None
    clamped: bool = False

    def shared(self, dim: int) -> bool | None:
        """Predicate: all entries along a dimension have one mask; None if the law does not say."""
        independent = {"cell": dim + 1, "channel": 2, "channel's map": 2, "example": 1, "batch": 0}[self.unit]
        in_blocks = self.cells is not None and dim > 1
        return False if dim < independent else None if in_blocks else True


Shape = Sequence[int]


def nominal_rate(layer: nn.Module) -> float | None:
    """Return the probability in a layer's attributes; None if it has none."""
    for name in NAMES:
        value = getattr(layer, name, None)
        if isinstance(value, Tensor) and value.numel() == 1:
            return float(value)
        if checks.is_number(value):
            return float(value)
    return 0.0 if any(hasattr(layer, name) and getattr(layer, name) is None for name in NAMES) else None


def law_of(layer: nn.Module, shape: Shape) -> Law | None:
    """Return the law of a layer for an input (N, C, …), at its current probability; None if it is not known.

    A subclass with a forward pass of its own follows no law of its base.
    """
    defining = next(each for each in type(layer).__mro__ if "forward" in vars(each) or each is nn.Module)
    found = None if "forward" in vars(layer) else LAWS.get(f"{defining.__module__}.{defining.__qualname__}")
    rate = nominal_rate(layer)
    return None if found is None or rate is None else found(layer, rate, shape)


def function_law(name: str, rate: float, shape: Shape) -> Law | None:
    """Return the law of a function that drops, such as `dropout2d`; None if it is not known."""
    found = LAWS.get(f"torch.nn.modules.dropout.{name.rstrip('_').capitalize()}")
    return None if found is None else found(None, rate, shape)


def drops_to_zero(layer: nn.Module) -> bool:
    """Predicate: what a layer drops becomes 0, so that it can be counted."""
    return "Alpha" not in type(layer).__name__ and not getattr(layer, "with_noise", False)


def class_name(layer: nn.Module) -> str:
    """Return a layer's class as `module.name`."""
    return f"{type(layer).__module__}.{type(layer).__qualname__}"


def independent_law(unit: str) -> Callable[[Any, float, Shape], Law]:
    """Return the law of independent draws at the nominal rate, one for each unit."""
    return lambda layer, rate, shape: Law(unit, rate)


def channel_law(spatial: int) -> Callable[[Any, float, Shape], Law | None]:
    """Return the law of independent draws for each channel of inputs (N, C, …) with `spatial` dimensions."""
    return lambda layer, rate, shape: Law("channel", rate) if len(shape) == 2 + spatial else None


def torchvision_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """Return torchvision's law: the paper's γ, seeds where a block fits, a mask for each channel."""
    height, width = shape[-2:]
    block = min(layer.block_size, height, width)
    gamma = seed_rate(rate, (height, width), block)
    return dropblock_law(gamma, height, width, block, "fits", layer.block_size, shared=False)


def timm_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """Return timm's law: the paper's γ, seeds anywhere, blocks cut off at the border, by default one shared mask.

    A block is clamped by side. None if that makes it rectangular, or if noise replaces what is dropped.
    """
    height, width = shape[-2:]
    if layer.with_noise or (height != width and layer.block_size > min(height, width)):
        return None
    block = min(layer.block_size, height, width)
    gamma = seed_rate(rate * layer.gamma_scale, (height, width), block)
    return dropblock_law(
        gamma, height, width, block, "anywhere", layer.block_size, shared=getattr(layer, "couple_channels", True)
    )


def miguelvr_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """Return miguelvr's law: γ = p / block², seeds anywhere, one mask for all channels."""
    height, width = shape[-2:]
    block = layer.block_size
    if block > min(height, width):
        return None
    return dropblock_law(rate / block**2, height, width, block, "anywhere", block, shared=True)


def dropblock_law(gamma: float, height: int, width: int, block: int, seeds: str, asked: int, *, shared: bool) -> Law:
    """Return the law of DropBlock: a cell is dropped with probability 1 - (1 - γ)^(blocks that cover it)."""
    cells = 1 - (1 - gamma) ** cover_counts((height, width), block, seeds).astype(float)
    unit = "example" if shared else "channel's map"
    return Law(unit, float(np.mean(cells)), torch.from_numpy(cells), clamped=asked > min(height, width))


LAWS: Mapping[str, Callable[[Any, float, Shape], Law | None]] = {
    "torch.nn.modules.dropout.Dropout": independent_law("cell"),
    "torch.nn.modules.dropout.Dropout1d": channel_law(1),
    "torch.nn.modules.dropout.Dropout2d": channel_law(2),
    "torch.nn.modules.dropout.Dropout3d": channel_law(3),
    "torchvision.ops.drop_block.DropBlock2d": torchvision_dropblock,
    "torchvision.ops.stochastic_depth.StochasticDepth": lambda layer, rate, shape: Law(
        "batch" if layer.mode == "batch" else "example", rate
    ),
    "timm.layers.drop.DropPath": independent_law("example"),
    "timm.layers.drop.DropBlock2d": timm_dropblock,
    "dropblock.dropblock.DropBlock2D": miguelvr_dropblock,
}
