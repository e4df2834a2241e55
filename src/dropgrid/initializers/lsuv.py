"""Layer-sequential unit-variance initialization (Mishkin, Matas, ICLR 2016)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import checks
from dropgrid.initializers.layers import Generators, Weight, weights
from dropgrid.initializers.orthogonal import orthogonal


def lsuv(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Tensor | None = None,
    tol: float,
    max_iterations: int,
) -> None:
    """Orthonormal weights, then each layer's divided by its output's standard deviation on a batch, in forward order.

    The variance of a layer's output over images, channels and cells is 1 ± tol. Biases 0. Norms act as in training and
    regularizers as in inference, and neither keeps what it saw. On the meta device only the arguments are checked.

    Args:
        batch: normalised images (N, C, H, W).
        tol: above 0; the paper's is 0.1.
        max_iterations: passes of the batch in which weights may change; the paper's is 10.

    Raises:
        ValueError: no batch, another value of these, an output that does not vary, or a variance that is not 1 ± tol
            at the end: of a layer whose parametrization undoes the scaling (norm=spectral).

    Source: Algorithm 1. Differs from the paper: all layers in one pass of the batch, each hook passing on the scaled
    output, which is the same as layer by layer, and a pass more to check.
    """
    checks.number("init.tol", tol, above=0)
    checks.whole_number("init.max_iterations", max_iterations, 1)
    orthogonal(model, generator=generator, activation=activation, gain=1.0)
    found = list(weights(model))
    if any(weight.tensor.is_meta for weight in found):
        return
    if batch is None:
        raise ValueError("init=lsuv needs a batch of images, and was given none")
    with measuring_mode(model):
        for _ in range(max_iterations + 1):
            variances = scale_layers(model, found, batch, tol)
            outside = {name: value for name, value in variances.items() if abs(value - 1) > tol}
            if not outside:
                return
    name, value = next(iter(outside.items()))
    raise ValueError(
        f"init=lsuv: the output of {name} has variance {value:.3g} after {max_iterations} iterations, not 1 ± {tol:g}"
    )


lsuv.needs_batch = True  # type: ignore[attr-defined]  # so that nobody reads images for the others


def scale_layers(model: nn.Module, found: list[Weight], batch: Tensor, tol: float) -> dict[str, float]:
    """Return the variance of each layer's output by name, and scale the layers whose variance is not 1 ± tol."""
    variances: dict[str, float] = {}

    def scaled(weight: Weight, output: Tensor) -> Tensor | None:
        name, variance = weight.name.removesuffix(".weight"), float(output.var(correction=0))
        if not 0 < variance < float("inf"):
            raise ValueError(f"init=lsuv: the output of {name} has variance {variance:g}, which no factor makes 1")
        variances[name] = variance
        if abs(variance - 1) <= tol:
            return None
        deviation: float = variance**0.5
        weight.set(weight.tensor / deviation)
        return output / deviation

    with ExitStack() as hooks, torch.no_grad():
        for weight in found:
            hooked = weight.layer.register_forward_hook(lambda _, __, output, weight=weight: scaled(weight, output))
            hooks.callback(hooked.remove)
        model(batch)
    return variances


@contextmanager
def measuring_mode(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode except norms over the batch; restore modes, buffers and torch's random state."""
    modes = {module: module.training for module in model.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    for module in model.modules():
        module.training = isinstance(module, _BatchNorm)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # what is random in inference too draws from it
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for buffer, before in buffers:
            buffer.copy_(before)
