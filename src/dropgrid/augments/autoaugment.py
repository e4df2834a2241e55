"""AutoAugment (Cubuk et al., CVPR 2019): torchvision's policies."""

import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from dropgrid import checks
from dropgrid.augments.context import Context, refuse_masks
from dropgrid.augments.operations import IDENTITY, Operation, apply_on_bytes, make_operation, operation_strengths

POLICIES = {policy.value: AutoAugment(policy).policies for policy in AutoAugmentPolicy}
"""Sub-policies: two operations, each (name, probability, number of its strength or None)."""


def autoaugment(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    policy: str,
) -> tuple[Tensor, Tensor]:
    """Apply a random sub-policy of a learned policy to each image: two operations with probability and magnitude.

    The operations work on 8-bit images: these are restored from the normalised ones (exactly, if no earlier
    augmentation changed values), transformed, and normalised again. Uncovered areas are black.

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        targets: returned unchanged.
        generator: seeds the draws, which are torchvision's, image by image.
        context: its `mean` and `std` are those of the normalization; None: 0 and 1.
        policy: imagenet, cifar10 or svhn: the data that it was learned on.

    Raises:
        ValueError: another policy, or images of 2 or more than 3 channels.

    Source: Tables 7 to 9 of the paper, as torchvision has them.
    """
    refuse_masks("autoaugment", targets)
    checks.one_of("augment.policy", policy, POLICIES)
    learned = POLICIES[policy]

    def choose(count: int, height: int, width: int, draws: torch.Generator) -> list[list[Operation]]:
        space = operation_strengths(10, height, width, wide=False)
        rounds: list[list[Operation]] = [[], []]
        for _ in range(count):  # in torchvision's order, so that a seed gives the images that it gives there
            number = int(torch.randint(len(learned), (1,), generator=draws))
            chances = torch.rand((2,), generator=draws)
            signs = torch.randint(2, (2,), generator=draws).tolist()
            wanted = (chances <= torch.tensor([each[1] for each in learned[number]])).tolist()
            for turn, (name, _, bin_) in enumerate(learned[number]):
                rounds[turn].append(
                    make_operation(space, name, bin_ or 0, not signs[turn]) if wanted[turn] else IDENTITY
                )
        return rounds

    return apply_on_bytes(images, generator=generator, context=context, choose=choose), targets
