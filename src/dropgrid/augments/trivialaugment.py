"""TrivialAugment (Müller, Hutter, ICCV 2021): torchvision's operations and magnitudes, the wide ones."""

import torch
from torch import Tensor

from dropgrid.augments.context import Context, refuse_masks
from dropgrid.augments.operations import BINS, NAMES, Operation, apply_on_bytes, make_operation, operation_strengths


def trivialaugment(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
) -> tuple[Tensor, Tensor]:
    """Apply one operation to each image, uniform over 14, of strength uniform over 31; signs are even. Nothing to tune.

    The operations work on 8-bit images: these are restored from the normalised ones (exactly, if no earlier
    augmentation changed values), transformed, and normalised again. Uncovered areas are black.

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        targets: returned unchanged.
        generator: seeds the draws: operations, strengths and signs.
        context: its `mean` and `std` are those of the normalization; None: 0 and 1.

    Raises:
        ValueError: images of 2 or more than 3 channels.

    Source: §3 of the paper, and its wide space, made for 32×32 pixels: translations are of up to 32.
    """
    refuse_masks("trivialaugment", targets)

    def choose(count: int, height: int, width: int, draws: torch.Generator) -> list[list[Operation]]:
        space = operation_strengths(BINS, height, width, wide=True)
        kinds = torch.randint(len(NAMES), (count,), generator=draws).tolist()
        bins = torch.randint(BINS, (count,), generator=draws).tolist()
        signs = torch.randint(2, (count,), generator=draws).tolist()
        return [[make_operation(space, NAMES[kind], *each) for kind, *each in zip(kinds, bins, signs, strict=True)]]

    return apply_on_bytes(images, generator=generator, context=context, choose=choose), targets
