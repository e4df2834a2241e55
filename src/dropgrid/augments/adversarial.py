"""Adversarial training: FGSM (Goodfellow et al., ICLR 2015) and PGD (Madry et al., ICLR 2018)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.augments.context import Context

Loss = Callable[[Tensor, Tensor], Tensor]


def attack(
    network: nn.Module,
    loss: Loss,
    images: Tensor,
    targets: Tensor,
    *,
    mean: Tensor,
    std: Tensor,
    epsilon: float,
    steps: int,
    step_size: float,
    start: Tensor | None,
) -> Tensor:
    """Return images xₖ₊₁ = Π(xₖ + step_size · sign ∇ₓ loss(f(xₖ), y)), with Π onto max |x - x₀| ≤ ε and [0, 1].

    The network is in eval mode during the attack, and each module's mode is restored: no batch statistics change, no
    mask is drawn, and no parameter gets a gradient. Works under no_grad and inference_mode.

    Args:
        images: normalised floats (N, C, H, W), x₀. A value outside [0, 1], which an augmentation may have made, may
            stay where it is, but moves no farther out.
        targets: as the loss takes them.
        mean, std: mean and standard deviation (C, 1, 1) of the normalization.
        epsilon, step_size: in units of the [0, 1] image.
        steps: number of steps.
        start: start in the ball, (N, C, H, W) in [-1, 1], in units of ε; None starts at the images.
    """
    with torch.inference_mode(False), torch.enable_grad(), evaluating(network):
        x, y = images.detach().clone(), targets.detach().clone()  # autograd takes no tensor of inference mode
        radius, stride = epsilon / std, step_size / std
        low = torch.maximum(x - radius, torch.minimum(x, (0 - mean) / std))
        high = torch.minimum(x + radius, torch.maximum(x, (1 - mean) / std))
        found = x if start is None else (x + radius * start).clamp(low, high)
        for _ in range(steps):
            found = found.detach().requires_grad_()
            (slope,) = torch.autograd.grad(loss(network(found), y), found)
            found = (found.detach() + stride * slope.sign()).clamp(low, high)
    return found


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put the network in eval mode, and restore each module's own mode afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def adversarial(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    epsilon: float,
    steps: int,
    step_size: float | None,
    random_start: bool,
    share: float,
) -> tuple[Tensor, Tensor]:
    """Replace the first images of the batch by adversarial examples against the current network; see `attack`.

    Args:
        images: normalised floats (N, C, H, W); their memory format is kept.
        targets: returned unchanged; indices or class probabilities.
        generator: on the images' device; draws the starts, if they are random.
        context: the network, the loss that is raised, mean and std.
        epsilon: radius of the ball, above 0 and at most 1, in units of the [0, 1] image.
        steps: 1 or more; each costs a forward and a backward pass.
        step_size: above 0, in the same units; null is ε for one step from the image itself (FGSM), else 2.5 ε / steps.
        random_start: start at a uniformly random point of the ball, not at the image.
        share: share of the batch to replace, in (0, 1]; at least one image.

    Source: Goodfellow et al., §4 (FGSM) and §6 (half of the loss of adversarial examples); Madry et al., §2.1 and §5
    (PGD, the whole batch). Differs from Goodfellow et al.: half of the images, not each image twice.
    """
    checks.number("augment.epsilon", epsilon, above=0, most=1)
    checks.number("augment.share", share, above=0, most=1)
    if step_size is not None:
        checks.number("augment.step_size", step_size, above=0, also="null")
    checks.whole_number("augment.steps", steps, 1)
    checks.boolean("augment.random_start", random_start)
    if context is None:
        raise ValueError("adversarial needs a context: it attacks the network that is trained")
    if step_size is None:
        step_size = epsilon if steps == 1 and not random_start else 2.5 * epsilon / steps
    count = max(1, round(share * len(images)))
    clean = images[:count].float()
    start = None
    if random_start:
        start = 2 * torch.rand(clean.shape, generator=generator, device=images.device) - 1
    found = attack(
        context.network,
        context.loss,
        clean,
        targets[:count],
        mean=context.mean,
        std=context.std,
        epsilon=epsilon,
        steps=steps,
        step_size=step_size,
        start=start,
    )
    out = images.clone()
    out[:count] = found.to(images.dtype)
    return out, targets
