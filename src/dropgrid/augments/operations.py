"""The operations of AutoAugment and its successors on batches of 8-bit images, one operation per image."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import functional

from dropgrid.augments.context import Context, scales


class Operation(NamedTuple):
    """One of torchvision's names, and its strength in torchvision's unit; 0 if it has none."""

    name: str
    strength: float


IDENTITY = Operation("Identity", 0.0)
BINS = 31
"""Strengths from the weakest to the strongest, of RandAugment and TrivialAugment."""


@lru_cache
def operation_strengths(bins: int, height: int, width: int, *, wide: bool) -> dict[str, tuple[list[float], bool]]:
    """Return each operation's strengths, weakest first (one if it has no choice), and whether it has a sign.

    They are torchvision's, for H × W pixels: those of AutoAugment and RandAugment, or the wide ones of TrivialAugment.
    """
    shear, pixels, degrees, blend, bits = (0.99, (32.0, 32.0), 135.0, 0.99, 6)
    if not wide:
        shear, pixels, degrees, blend, bits = (0.3, (150 / 331 * width, 150 / 331 * height), 30.0, 0.9, 4)

    def line(first: float, last: float) -> list[float]:
        return torch.linspace(first, last, bins).tolist()

    return {
        "Identity": ([0.0], False),
        "ShearX": (line(0, shear), True),
        "ShearY": (line(0, shear), True),
        "TranslateX": (line(0, pixels[0]), True),
        "TranslateY": (line(0, pixels[1]), True),
        "Rotate": (line(0, degrees), True),
        "Brightness": (line(0, blend), True),
        "Color": (line(0, blend), True),
        "Contrast": (line(0, blend), True),
        "Sharpness": (line(0, blend), True),
        "Posterize": ((8 - (torch.arange(bins) / ((bins - 1) / bits)).round()).tolist(), False),
        "Solarize": (line(255, 0), False),
        "AutoContrast": ([0.0], False),
        "Equalize": ([0.0], False),
        "Invert": ([0.0], False),
    }


NAMES = tuple(name for name in operation_strengths(BINS, 1, 1, wide=False) if name != "Invert")
"""The 14 operations of RandAugment and TrivialAugment."""


def make_operation(space: dict[str, tuple[list[float], bool]], name: str, number: int, minus: int) -> Operation:
    """Return an operation with a strength of its range, or its only one; negative with `minus` if it has a sign."""
    values, signed = space[name]
    strength = values[number] if len(values) > 1 else values[0]
    return Operation(name, -strength if signed and minus else strength)


def apply_on_bytes(
    images: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None,
    choose: Callable[[int, int, int, torch.Generator], Sequence[Sequence[Operation]]],
) -> Tensor:
    """Apply operations to normalised floats through 8 bits (exactly, if nothing changed values before).

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        generator: seeds another, on the CPU, for `choose`.
        context: its `mean` and `std` are those of the normalization; None: 0 and 1.
        choose: (N, H, W, generator) -> rounds of operations, each with one operation per image.

    Raises:
        ValueError: images of 2 or more than 3 channels.
    """
    count, channels, height, width = images.shape
    if channels not in (1, 3):
        raise ValueError(f"augmentation policies take images of 1 or 3 channels, got {channels}")
    mean, std = scales(context)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    bytes_ = ((images.float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).contiguous()
    for chosen in choose(count, height, width, torch.Generator().manual_seed(seed)):
        bytes_ = apply_operations(bytes_, chosen)
    return torch.empty_like(images).copy_((bytes_.float() / 255 - mean) / std)


def apply_operations(images: Tensor, chosen: Sequence[Operation]) -> Tensor:
    """Apply to each image, uint8 (N, C, H, W), C 1 or 3, its own operation; uncovered areas are black.

    Images with the same operation are processed together. Each result equals torchvision's for that image.
    """
    groups: dict[Kernel, list[int]] = {}
    for index, operation in enumerate(chosen):
        if operation.name != "Identity":
            groups.setdefault(KERNELS[operation.name], []).append(index)
    out = images.clone()
    for kernel, members in groups.items():
        rows = torch.tensor(members, device=images.device)
        out[rows] = kernel(images[rows], [chosen[index] for index in members])
    return out


def apply_geometric(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Apply shears, translations and rotations: each pixel is the one nearest to its source."""
    count, channels, height, width = images.shape
    maps = torch.stack([source_pixels(*each, height, width) for each in operations]).to(images.device).long()
    black = images.new_zeros(count, channels, 1)
    cells = torch.cat([black, images.flatten(2)], 2)
    return cells.gather(2, maps[:, None].expand(-1, channels, -1)).view_as(images)


@lru_cache(1024)
def source_pixels(name: str, strength: float, height: int, width: int) -> Tensor:
    """Return the source of each pixel in torchvision, int32 (H · W,): 0 is outside, 1 the first pixel."""
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, height, width)
    degrees = math.degrees(math.atan(strength))
    shear = {"ShearX": [degrees, 0.0], "ShearY": [0.0, degrees]}.get(name, [0.0, 0.0])
    pixels = {"TranslateX": [int(strength), 0], "TranslateY": [0, int(strength)]}.get(name, [0, 0])
    found: Tensor
    with torch.autocast("cpu", enabled=False):  # the grid would be of 8 bits
        if name == "Rotate":
            found = functional.rotate(numbers, strength)
        else:
            center = [0, 0] if name.startswith("Shear") else None
            found = functional.affine(numbers, angle=0.0, translate=pixels, scale=1.0, shear=shear, center=center)
    return found.flatten().int()


def broadcast_column(values: Sequence[float], images: Tensor) -> Tensor:
    """Return values as float32 (N, 1, 1, 1), rounded from float64 as torch rounds a factor of an image."""
    return torch.tensor(values, dtype=torch.float64).float().view(-1, 1, 1, 1).to(images.device)


def blend(images: Tensor, others: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Return f x + (1 - f) y with f = 1 + strength, clipped to [0, 255] and rounded down."""
    factors = [1 + each.strength for each in operations]
    mixed = (
        broadcast_column(factors, images) * images + broadcast_column([1 - each for each in factors], images) * others
    )
    return mixed.clamp(0, 255).to(torch.uint8)


def grey(images: Tensor) -> Tensor:
    """Return grey images, uint8 (N, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8)[:, None]


def brightness(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Blend with black."""
    return blend(images, torch.zeros_like(images), operations)


def color(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Blend with grey; an image of one channel stays."""
    return images if images.shape[1] == 1 else blend(images, grey(images), operations)


def contrast(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Blend with the mean grey."""
    return blend(images, grey(images).float().mean((1, 2, 3), keepdim=True), operations)


def sharpness(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Blend with the mean over 3 × 3 pixels, the middle one counted five times; the border stays."""
    if min(images.shape[2:]) <= 2:
        return images
    x = images.float()
    rows = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    inner = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * x[:, :, 1:-1, 1:-1]
    x[:, :, 1:-1, 1:-1] = (inner / 13).round()  # a 13th of a whole number is never half-way: any order of sums agrees
    return blend(images, x, operations)


def posterize(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Keep the highest bits, as many as the strength."""
    masks = torch.tensor([256 - 2 ** (8 - int(each.strength)) for each in operations], device=images.device)
    return images & masks.to(torch.uint8).view(-1, 1, 1, 1)


def solarize(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Invert levels from the strength on."""
    return torch.where(images >= broadcast_column([each.strength for each in operations], images), 255 - images, images)


def autocontrast(images: Tensor, _: Sequence[Operation]) -> Tensor:
    """Stretch each channel from its least level to its greatest over all levels; a channel of a single level stays."""
    least, most = images.amin((2, 3), keepdim=True).float(), images.amax((2, 3), keepdim=True).float()
    flat = least == most
    scale = torch.where(flat, 1.0, 255 / (most - least))
    return ((images - torch.where(flat, 0.0, least)) * scale).clamp(0, 255).to(torch.uint8)


def equalize(images: Tensor, _: Sequence[Operation]) -> Tensor:
    """Equalize each channel's histogram, in whole numbers as PIL does; a channel of too few levels stays."""
    count, channels, height, width = images.shape
    levels = images.flatten(2).long()
    places = levels + 256 * torch.arange(count * channels, device=images.device).view(count, channels, 1)
    histogram = torch.bincount(places.flatten(), minlength=256 * count * channels).view(count, channels, 256)
    step = (height * width - histogram.gather(2, levels.amax(2, keepdim=True))) // 255
    table = (histogram.cumsum(2) + step // 2) // step.clamp(min=1)
    table = torch.nn.functional.pad(table, [1, 0])[..., :-1].clamp(0, 255)
    return torch.where(step == 0, levels, table.gather(2, levels)).to(torch.uint8).view_as(images)


def invert(images: Tensor, _: Sequence[Operation]) -> Tensor:
    """Return 255 - x."""
    return 255 - images


Kernel = Callable[[Tensor, Sequence[Operation]], Tensor]
"""uint8 (n, C, H, W) and an operation of its kind for each to others of that shape."""

KERNELS: dict[str, Kernel] = {
    **dict.fromkeys(("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"), apply_geometric),
    "Brightness": brightness,
    "Color": color,
    "Contrast": contrast,
    "Sharpness": sharpness,
    "Posterize": posterize,
    "Solarize": solarize,
    "AutoContrast": autocontrast,
    "Equalize": equalize,
    "Invert": invert,
}
