"""RandAugment (Cubuk et al., NeurIPS 2020): torchvision's operations and magnitudes."""

import torch
from torch import Tensor

from dropgrid import checks
from dropgrid.augments.context import Context
from dropgrid.augments.operations import BINS, NAMES, Operation, of, on_bytes, strengths


def randaugment(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    operations: int,
    magnitude: int,
) -> tuple[Tensor, Tensor]:
    """`operations` operations in a row on each image, each uniform over 14, all of one magnitude; signs are even.

    The operations are of 8-bit images: they are rebuilt from the normalised ones (exactly, if nothing before this
    changed values), transformed, and normalised again. What an operation uncovers is black.

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        targets: returned as they are.
        generator: seeds the draws: operations and signs.
        context: its `mean` and `std` are those that the images were normalised with; None: 0 and 1.
        operations: a whole number, 1 or more; the paper's N.
        magnitude: a whole number from 0 to 30, where the ranges end; the paper's M.

    Raises:
        ValueError: an argument outside these, or images of 2 or more than 3 channels.

    Source: §3 and Fig. 2 of the paper. Differs from the paper, as torchvision does: brightness, colour, contrast
    and sharpness are lowered as often as raised.
    """
    checks.whole_number("augment.operations", operations, 1)
    checks.whole_number("augment.magnitude", magnitude, 0, BINS - 1)

    def choose(count: int, height: int, width: int, draws: torch.Generator) -> list[list[Operation]]:
        space = strengths(BINS, height, width, wide=False)
        kinds = torch.randint(len(NAMES), (operations, count), generator=draws).tolist()
        signs = torch.randint(2, (operations, count), generator=draws).tolist()
        return [
            [of(space, NAMES[kind], magnitude, minus) for kind, minus in zip(*both, strict=True)]
            for both in zip(kinds, signs, strict=True)
        ]

    return on_bytes(images, generator=generator, context=context, choose=choose), targets
