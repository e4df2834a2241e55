"""torchvision's MixUp and CutMix, with random numbers of our own generator."""

from functools import lru_cache

import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix, MixUp

from dropgrid import checks
from dropgrid.augments.context import Context

Kind = type[MixUp] | type[CutMix]


def mix(
    kind: Kind,
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None,
    alpha: float,
) -> tuple[Tensor, Tensor]:
    """Return the batch mixed by one of torchvision's transforms, and its class probabilities; arguments as `mixup`."""
    checks.number("augment.alpha", alpha, above=0)
    if context is None:
        raise ValueError(f"{kind.__name__.lower()} needs a context: it has to know how many classes there are")
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = transform(kind, float(alpha), context.classes)  # type: ignore[arg-type]  # torchvision has no types
        mixed, shares = made(images, targets)
    return torch.empty_like(images).copy_(mixed), shares


@lru_cache
def transform(kind: Kind, alpha: float, classes: int) -> MixUp | CutMix:
    """Return torchvision's transform, cached."""
    return kind(alpha=alpha, num_classes=classes)
