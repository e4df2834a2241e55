"""Experiments on a copy of one layer: many calls on ones, where every drop shows, whatever the network feeds it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dropgrid.audits.repeats import Repeats
from dropgrid.audits.watch import Watched, tensors

Run = Callable[[Tensor | None], Any]

BUDGET, FEWEST, MOST = 2**24, 12, 32
"""Elements that the calls of a layer may process, and bounds on the number of calls."""


@dataclass
class Probe:
    """What calls in train mode did to ones.

    Attributes:
        shares, means: of each call, the fraction of zeros and the mean output.
        kept: of each call that kept something, the mean factor on what it kept.
        uniform: in every call, all that was kept had one factor.
        shared: of each dimension longer than 1, whether all of its entries had one mask in every call.
        masks: the masks of all calls.
        repeated: all calls dropped the same cells, and neither none nor all.
        varied: the outputs differ between calls.
        passes_dropped: the fraction of dropped cells that got a gradient; None if nothing was dropped.
        gradient: whether the gradient of what was kept is the factor on it; None if that is inconclusive.
        detached: the output has no gradient with respect to the input.
    """

    shares: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    uniform: bool = True
    shared: dict[int, bool] = field(default_factory=dict)
    masks: Repeats = field(default_factory=Repeats)
    repeated: bool = False
    varied: bool = False
    passes_dropped: float | None = None
    gradient: bool | None = None
    detached: bool = False

    @property
    def calls(self) -> int:
        """The number of calls."""
        return len(self.shares)

    @property
    def share(self) -> float:
        """The dropped fraction."""
        return sum(self.shares) / len(self.shares)

    @property
    def changed(self) -> bool:
        """Predicate: some output was not its input."""
        return self.varied or any(mean != 1 for mean in self.means) or not self.uniform


def tolerance(dtype: torch.dtype) -> float:
    """Return how far apart two factors of a dtype may be, relatively, and count as one."""
    return 1e-3 if torch.finfo(dtype).bits >= 32 else 2e-2


def ones_for(seen: Watched) -> Tensor | None:
    """Return ones of the shape of a layer's last input; None if it has no floating-point input."""
    if seen.opaque or not seen.calls or not seen.dtype.is_floating_point or not all(seen.shape) or not seen.shape:
        return None
    return torch.ones(seen.shape, dtype=seen.dtype, device=seen.device)


def output_for(run: Run, features: Tensor) -> Tensor | None:
    """Return a layer's output for features, if it has their shape and finite values."""
    try:
        output = next(tensors(run(features)), None)
    except Exception:  # a layer of which nothing is known may refuse ones in its own way
        return None
    fits = output is not None and output.shape == features.shape and bool(output.detach().isfinite().all())
    return output if fits else None


def probe(seen: Watched, run: Run) -> Probe | None:
    """Return what a layer in train mode does to ones; None if it cannot be called on them.

    If no real batch had an informative cell, the calls are counted in place of the batches.
    """
    ones = ones_for(seen)
    if ones is None:
        return None
    found, first, blank = Probe(), None, not seen.seen and seen.zeroes
    same = True
    for _ in range(max(FEWEST, min(MOST, BUDGET // ones.numel()))):
        output = output_for(run, ones.clone())
        if output is None:
            return None
        gone = output == 0
        record_call(found, output, gone)
        if first is None:
            first = output.clone()
        else:
            same = same and torch.equal(gone, first == 0)
            found.varied = found.varied or not torch.equal(output, first)
        if blank:
            seen.start("train", seen.examples)
            seen.on_ones = True
            seen.add((ones,), ones, output)
    assert first is not None
    found.repeated = same and 0 < found.shares[0] < 1
    check_gradient(found, run, ones)
    return found


def record_call(found: Probe, output: Tensor, gone: Tensor) -> None:
    """Add a call."""
    found.masks.add(gone)
    kept = output[~gone].double()
    found.shares.append(float(gone.double().mean()))
    found.means.append(float(output.double().mean()))
    if kept.numel():
        low, high, mean = float(kept.min()), float(kept.max()), float(kept.mean())
        found.kept.append(mean)
        found.uniform = found.uniform and high - low <= tolerance(output.dtype) * abs(mean)
    for dim, size in enumerate(output.shape):
        if size > 1:
            tied = found.shared.get(dim, True) and bool((gone == gone.narrow(dim, 0, 1)).all())
            found.shared[dim] = tied


def check_gradient(found: Probe, run: Run, ones: Tensor) -> None:
    """Compare the gradient with the mask, in one more call; of a few, the first that drops something."""
    for _ in range(FEWEST):
        leaf = ones.clone().requires_grad_()
        with torch.enable_grad():
            output = output_for(run, leaf * 1)
            if output is None:
                return
            slope = torch.autograd.grad(output.sum(), leaf, allow_unused=True)[0] if output.requires_grad else None
        found.detached = slope is None
        if slope is None:
            return
        gone, factors = output.detach() == 0, output.detach()
        if gone.any():
            found.passes_dropped = float((slope[gone] != 0).double().mean())
        if found.uniform and not gone.all():
            far = (slope - factors)[~gone].abs() > tolerance(ones.dtype) * factors[~gone].abs()
            found.gradient = not bool(far.any())
        if gone.any():
            return


def output_varies(run: Run, calls: int = MOST) -> bool | None:
    """Predicate: repeated calls on the layer's last real input give different outputs; None if it cannot be called."""
    first: list[Tensor] | None = None
    for _ in range(calls):
        try:
            outputs = [each.detach().clone() for each in tensors(run(None))]
        except Exception:  # as in `output_for`
            return None
        if first is not None and outputs_differ(first, outputs):
            return True
        first = first if first is not None else outputs
    return False


def outputs_differ(some: list[Tensor], others: list[Tensor]) -> bool:
    """Predicate: two lists of outputs differ by more than the rounding of a parallel sum."""
    if [each.shape for each in some] != [each.shape for each in others]:
        return True
    pairs = zip(some, others, strict=True)
    return not all(torch.allclose(*pair, rtol=1e-3, atol=1e-5, equal_nan=True) for pair in pairs)


def eval_probe(seen: Watched, run: Run) -> tuple[str | None, float]:
    """Return what a layer does in eval mode, and its mean factor on ones.

    It is `identity`, `fixed` (it changes its input, but not at random) or `random`; None if it cannot be called.
    """
    ones = ones_for(seen)
    outputs = [] if ones is None else [output_for(run, ones.clone()) for _ in range(FEWEST)]
    found = [each.detach().clone() for each in outputs if each is not None]
    if not found:
        return {True: "random", False: "fixed", None: None}[output_varies(run, FEWEST)], 1.0
    if any(outputs_differ([found[0]], [each]) for each in found[1:]):
        return "random", 1.0
    same = ones is not None and torch.equal(found[0], ones)
    return "identity" if same else "fixed", float(found[0].double().mean())
