"""RandAugment (Cubuk et al., NeurIPS 2020): torchvision's operations and magnitudes."""

import torch
from torch import Tensor

from dropgrid import checks
from dropgrid.augments.context import Context, refuse_masks
from dropgrid.augments.operations import BINS, NAMES, Operation, apply_on_bytes, make_operation, operation_strengths


def randaugment(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    operations: int,
    magnitude: int,
) -> tuple[Tensor, Tensor]:
    """Apply `operations` operations in a row to each image, each uniform over 14, all of one magnitude; signs are even.

    The operations work on 8-bit images: these are restored from the normalised ones (exactly, if no earlier
    augmentation changed values), transformed, and normalised again. Uncovered areas are black.

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        targets: returned unchanged.
        generator: seeds the draws: operations and signs.
        context: its `mean` and `std` are those of the normalization; None: 0 and 1.
        operations: a whole number, 1 or more; the paper's N.
        magnitude: a whole number from 0 to 30, the end of the ranges; the paper's M.

    Raises:
        ValueError: an argument is out of its range, or images have 2 or more than 3 channels.

    Source: §3 and Fig. 2 of the paper. Differs from the paper, as torchvision does: brightness, colour, contrast
    and sharpness are lowered as often as raised.
    """
    refuse_masks("randaugment", targets)
    checks.whole_number("augment.operations", operations, 1)
    checks.whole_number("augment.magnitude", magnitude, 0, BINS - 1)

    def choose(count: int, height: int, width: int, draws: torch.Generator) -> list[list[Operation]]:
        space = operation_strengths(BINS, height, width, wide=False)
        kinds = torch.randint(len(NAMES), (operations, count), generator=draws).tolist()
        signs = torch.randint(2, (operations, count), generator=draws).tolist()
        return [
            [make_operation(space, NAMES[kind], magnitude, minus) for kind, minus in zip(*both, strict=True)]
            for both in zip(kinds, signs, strict=True)
        ]

    return apply_on_bytes(images, generator=generator, context=context, choose=choose), targets
