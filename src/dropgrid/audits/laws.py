"""What a drop layer of a library should drop, in closed form, from the attributes that it has.

A law is known by the layer's class, as `module.name`: no library need be installed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.regularizers.dropblock import cover_counts, seed_rate

NAMES = ("drop_prob", "p", "dropout_p", "drop_rate", "rate", "prob")
"""Under which attribute layers keep their probability."""


@dataclass(frozen=True)
class Law:
    """How a layer draws, and how often each cell of a map (H, W) is dropped; None: all at `rate`.

    `unit` is what one draw decides: a `cell`, a `channel`, a `channel's map` (blocks in it), an `example`, the `batch`.
    """

    unit: str
    rate: float
    cells: Tensor | None = None
    clamped: bool = False


Shape = Sequence[int]


def nominal(layer: nn.Module) -> float | None:
    """The probability that a layer says it drops with; None where it says none."""
    for name in NAMES:
        value = getattr(layer, name, None)
        if isinstance(value, Tensor) and value.numel() == 1:
            return float(value)
        if checks.is_number(value):
            return float(value)
    return 0.0 if any(hasattr(layer, name) and getattr(layer, name) is None for name in NAMES) else None


def law(layer: nn.Module, shape: Shape) -> Law | None:
    """The law of a layer for an input of a shape (N, C, …), at the probability that it has now; None: not known."""
    found = LAWS.get(kind(layer))
    rate = nominal(layer)
    return None if found is None or rate is None else found(layer, rate, shape)


def zeroes(layer: nn.Module) -> bool:
    """Whether what a layer drops becomes 0, so that it can be counted."""
    return "Alpha" not in type(layer).__name__ and not getattr(layer, "with_noise", False)


def kind(layer: nn.Module) -> str:
    """A layer's class."""
    return f"{type(layer).__module__}.{type(layer).__qualname__}"


def independent_law(unit: str) -> Callable[[Any, float, Shape], Law]:
    """Independent draws at the nominal rate."""
    return lambda layer, rate, shape: Law(unit, rate)


def channel_law(spatial: int) -> Callable[[Any, float, Shape], Law | None]:
    """The same of whole channels (N, C), of inputs that have a batch: (N, C) and so many dimensions."""
    return lambda layer, rate, shape: Law("channel", rate) if len(shape) == 2 + spatial else None


def torchvision_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """The paper's γ, seeded where a block fits, a mask for each channel."""
    height, width = shape[-2:]
    block = min(layer.block_size, height, width)
    gamma = seed_rate(rate, height, width, block)
    return blocks(gamma, height, width, block, "fits", layer.block_size, shared=False)


def timm_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """The paper's γ, yet seeded anywhere, the block cut off at the border; one mask for all channels by default.

    A block is clamped by side: none is known where that makes it no square, nor of noise in the place of zeros.
    """
    height, width = shape[-2:]
    if layer.with_noise or (height != width and layer.block_size > min(height, width)):
        return None
    block = min(layer.block_size, height, width)
    gamma = seed_rate(rate * layer.gamma_scale, height, width, block)
    return blocks(
        gamma, height, width, block, "anywhere", layer.block_size, shared=getattr(layer, "couple_channels", True)
    )


def miguelvr_dropblock(layer: Any, rate: float, shape: Shape) -> Law | None:
    """γ = p / block², seeded anywhere, one mask for all channels."""
    height, width = shape[-2:]
    block = layer.block_size
    if block > min(height, width):
        return None
    return blocks(rate / block**2, height, width, block, "anywhere", block, shared=True)


def blocks(gamma: float, height: int, width: int, block: int, seeds: str, asked: int, *, shared: bool) -> Law:
    """DropBlock: a cell is dropped with 1 - (1 - γ)^(blocks that cover it)."""
    cells = 1 - (1 - gamma) ** cover_counts(height, width, block, seeds).astype(float)
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
