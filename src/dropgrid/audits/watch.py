"""Counts of what drop layers do to their inputs, pass by pass."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid.audits.laws import Law
from dropgrid.audits.repeats import same_drops, thin
from dropgrid.sites import AbstractRandom

ENOUGH = 30
"""The fewest draws from whose own spread a standard error is estimated."""

ROUNDED = 1e-3
"""The largest fraction of an output's zeros that rounding may move."""

WORDS = ("drop", "stochasticdepth", "shakedrop")


def drop_layers(network: nn.Module) -> dict[str, nn.Module]:
    """Return dotted name -> drop layer: modules that have a class, or a base class, named after dropping.

    Recurrent layers that drop between their own layers are among them. A block that contains a drop layer is not one.
    """
    called = {name: module for name, module in network.named_modules() if is_drop(module)}
    inside = {name: f"{name}." if name else "" for name in called}
    return {
        name: module
        for name, module in called.items()
        if not any(other != name and other.startswith(inside[name]) for other in called)
    }


def is_drop(module: nn.Module) -> bool:
    """Predicate: a module's class or one of its bases is named after dropping, or it is recurrent and drops."""
    family = [each.__name__.lower() for each in type(module).__mro__]
    recurrent = isinstance(module, nn.RNNBase) and module.dropout > 0
    return recurrent or isinstance(module, AbstractRandom) or any(word in each for each in family for word in WORDS)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a layer's inputs or output, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(each)


def informative_cells(before: Tensor) -> Tensor:
    """Return which cells show whether they are dropped: those that are finite and not already 0."""
    return (before != 0) & before.isfinite()


class Watched(ABC):
    """What one layer did, or one line of code that calls a function which drops.

    A cell counts as dropped if it is 0 and was not; cells that were 0 before are not counted. `should` weights the
    law's cells as they were counted, so that a map whose borders are 0 is compared with the law at its centre.

    Attributes:
        phase: the pass that runs: `given` in the modes in which the network was handed over, `train`, `eval`; `reach`
            and `perturb`, which find out whether the result is used; `recompute`, a backward pass; empty between them.
        batch, examples: the number of examples in the current pass, and in the last one in train mode; 0 if unknown.
        given: for each call in phase `given`, whether the output was the input; None if that is inconclusive.
        levels, times: of each call in train mode, the probability and the progress of the schedule.
        passes: dropped and informative cells of each pass in train mode.
        masks: a part of the dropped and of the informative cells of each pass in train mode.
        steps: of each later pass in train mode, whether it dropped the same cells as each earlier one; None if that is
            inconclusive.
        opaque: output and input cannot be compared cell by cell.
        draws: the sums over independent draws of 1, w², w g and g², of w informative cells and g dropped ones.
        results, zeros: the outputs in phase `reach`, and where a part of them is 0.
        recomputed: the backward pass computes the output again, and with another mask.
    """

    zeroes = True
    """What is dropped becomes 0."""

    path: str
    """The dotted name of the module that it is, or that calls it; empty for the model itself."""

    def __init__(self, name: str, kind: str):
        self.name, self.kind = name, kind
        self.phase, self.batch, self.progress, self.examples = "", 0, 1.0, 0
        self.calls = self.informative = self.identities = self.evals = self.evals_changed = 0
        self.given: list[bool | None] = []
        self.levels: list[float | None] = []
        self.times: list[float] = []
        self.shape: tuple[int, ...] = ()
        self.dtype, self.device = torch.float32, torch.device("cpu")
        self.clamped = self.opaque = self.on_ones = False
        self.known = True
        self.dropped = self.seen = self.should = 0.0
        self.draws = [0.0, 0.0, 0.0, 0.0]
        self.passes: list[list[float]] = []
        self.masks: list[tuple[Tensor, Tensor]] = []
        self.steps: list[list[bool | None]] = []
        self.compared = 0
        self.results: list[Tensor] = []
        self.zeros: list[Tensor] = []
        self.recomputed = False

    def start(self, phase: str, batch: int = 0, progress: float = 1.0) -> None:
        """Begin a pass."""
        self.phase, self.batch, self.progress = phase, batch, progress
        if phase == "train":
            self.passes.append([0.0, 0.0])

    @abstractmethod
    def law(self) -> Law | None:
        """Return the law at the current probability and shape; None if it is not known."""

    @abstractmethod
    def level(self) -> float | None:
        """Return the current probability; None if it is not known."""

    @abstractmethod
    def replica(self) -> Callable[[Tensor | None], Any]:
        """Return a function that calls a copy of the layer once more, on these features or else on the last ones."""

    def observe(self, inputs: tuple[Any, ...], before: Tensor, output: Any) -> Any:
        """Record a call by the phase; return what replaces its output, or None."""
        if self.phase == "reach":
            self.zeros.extend(thin(each == 0) for each in islice(tensors(output), 1))
            return self.attach(before, output)
        if self.phase == "perturb":
            return perturb_output(before, output)
        if self.phase == "recompute":
            self.compare_zeros(output)
            return None
        after = next(tensors(output), None)
        after = None if after is None else after.detach()
        if self.phase == "given":
            self.given.append(self.same(before, after))
        elif self.phase == "eval":
            same = self.same(before, after)
            self.evals += same is not None
            self.evals_changed += same is False
        elif self.phase == "train":
            self.calls, self.examples = self.calls + 1, self.batch
            self.shape, self.dtype, self.device = tuple(before.shape), before.dtype, before.device
            self.levels.append(self.level())
            self.times.append(self.progress)
            self.add(inputs, before, after)
        return None

    def add(self, inputs: tuple[Any, ...], before: Tensor, after: Tensor | None) -> None:
        """Add a call in train mode to the counts."""
        same = self.same(before, after)
        self.informative += same is not None
        self.identities += same is True
        self.count(inputs, before, after)

    def attach(self, before: Tensor, output: Any) -> Any:
        """Keep the outputs of a call; return one with a gradient in place of an output without."""
        lacks = isinstance(output, Tensor) and output.is_floating_point() and not output.requires_grad
        if lacks and torch.is_grad_enabled() and not is_in_place(before, output):
            leaf: Tensor = output.detach().requires_grad_().clone()
            self.results.append(leaf)
            return leaf
        if isinstance(output, Tensor) and output.requires_grad and is_in_place(before, output):
            output = output.view_as(output)  # another use of the input is no use of the result
            self.results.append(output)
            return output
        self.results.extend(tensors(output))
        return None

    def compare_zeros(self, output: Any) -> None:
        """Compare the zeros of an output that a backward pass computes again with those of the forward pass.

        Those of two masks differ in many cells, those of one mask in a few at most: sums may be rounded otherwise.
        """
        zeros = next((thin(each == 0) for each in tensors(output)), None)
        known = [each for each in self.zeros if zeros is not None and each.shape == zeros.shape]
        differing = [float(torch.ne(each, zeros).double().mean()) for each in known if zeros is not None]
        self.recomputed = self.recomputed or min(differing, default=0.0) > ROUNDED

    def same(self, before: Tensor, after: Tensor | None) -> bool | None:
        """Predicate: the output equals the input; None if that is inconclusive."""
        if self.opaque or after is None or after.shape != before.shape:
            return None
        equal = bool(((before == after) | ((before != before) & (after != after))).all())
        return True if equal and bool(informative_cells(before).any()) else None if equal else False

    def count(self, inputs: tuple[Any, ...], before: Tensor, after: Tensor | None) -> None:
        """Count informative cells, those dropped among them, and how many the law expects."""
        self.opaque = self.opaque or after is None or after.shape != before.shape
        if self.opaque or after is None or not self.zeroes:
            self.known = False
            return
        if not before.numel():
            return
        informative = informative_cells(before)
        gone = informative & (after == 0)
        weights = informative.double()
        rule = self.law()
        self.known = self.known and rule is not None
        if rule is not None:
            self.clamped = self.clamped or rule.clamped
            cells = rule.cells.to(weights.device) if rule.cells is not None else torch.tensor(rule.rate).double()
            self.should += float((weights * cells).sum())
            dropped, counted = sum_per_draw(gone.double(), rule), sum_per_draw(weights, rule)
            found = (counted > 0).sum(), (counted**2).sum(), (counted * dropped).sum(), (dropped**2).sum()
            self.draws = [total + float(each) for total, each in zip(self.draws, found, strict=True)]
        self.tally(float(gone.sum()), float(weights.sum()))
        self.compare_steps(gone, informative)

    def tally(self, dropped: float, seen: float) -> None:
        """Add cells to the counts of all passes and of the current one."""
        self.dropped, self.seen = self.dropped + dropped, self.seen + seen
        self.passes[-1] = [self.passes[-1][0] + dropped, self.passes[-1][1] + seen]

    def compare_steps(self, gone: Tensor, informative: Tensor) -> None:
        """Compare the first call of a pass with those of all earlier passes: did it drop the same cells?"""
        if self.compared == len(self.passes):
            return
        self.compared, mask = len(self.passes), (thin(gone), thin(informative))
        if self.masks:
            self.steps.append([same_drops(mask, each) for each in self.masks])
        self.masks.append(mask)

    @property
    def realised(self) -> float | None:
        """The dropped fraction; None if no cell was informative."""
        return self.dropped / self.seen if self.seen else None

    @property
    def expected(self) -> float | None:
        """The dropped fraction by the law; None if it is not known."""
        return self.should / self.seen if self.seen and self.known and self.calls else None

    @property
    def nominal(self) -> float | None:
        """The mean of the layer's own probabilities; None if it has none."""
        levels = [level for level in self.levels if level is not None]
        return math.fsum(levels) / len(levels) if levels and len(levels) == len(self.levels) else None

    @property
    def shares(self) -> list[float]:
        """The dropped fraction of each pass that had informative cells."""
        return [dropped / seen for dropped, seen in self.passes if seen]

    def stderr(self, rate: float) -> float | None:
        """Return the standard error of the realised fraction at a true rate; None if it cannot be estimated.

        √(Σ wᵤ² r (1 - r)) / Σ wᵤ over the draws u of wᵤ cells: exact if a draw drops all of its cells or none,
        otherwise a bound; with many draws of blocks, their own spread, √(Σ wᵤ² (fᵤ - f)²) / Σ wᵤ, times √(r (1 - r) /
        f (1 - f)) if r is the larger: few blocks spread less. If the law is not known, the spread over passes, as what
        is independent within a pass is not known either.
        """
        if not self.known:
            shares = torch.tensor(self.shares).double()
            return float(shares.std()) / math.sqrt(len(shares)) if len(shares) > 1 else None
        draws, squares, products, dropped = self.draws
        share = self.dropped / self.seen
        bound = math.sqrt(rate * (1 - rate) * squares) / self.seen
        spread = math.sqrt(max(0.0, dropped - 2 * share * products + share**2 * squares)) / self.seen
        if draws < ENOUGH or not 0 < share < 1:
            return bound
        return min(bound, spread * max(1.0, math.sqrt(rate * (1 - rate) / (share * (1 - share)))))


def sum_per_draw(values: Tensor, rule: Law) -> Tensor:
    """Return sums over what one draw decides."""
    if rule.unit == "cell":
        return values.flatten()
    if rule.unit in ("channel", "channel's map"):
        return values.flatten(2).sum(2).flatten()
    return values.flatten(1).sum(1) if rule.unit == "example" and values.dim() > 1 else values.sum().view(1)


def is_in_place(before: Tensor, output: Any) -> bool:
    """Predicate: a layer's output is its input, changed in place."""
    return isinstance(output, Tensor) and output.data_ptr() == before.data_ptr()


def pattern_of(tensor: Tensor) -> Tensor:
    """Return numbers from 0 to 6 in turn, of a tensor's shape: no scale and shift of one number."""
    return torch.arange(tensor.numel(), device=tensor.device).remainder(7).view(tensor.shape)


def perturb_output(before: Tensor, output: Any) -> Any:
    """Return another output, that no scale and shift of it equals; an output in place is changed in place.

    It draws no random numbers, so that all later draws are the same.
    """
    if isinstance(output, Tensor):
        changed = output.detach() + pattern_of(output).sub(3).to(output.dtype)
        return output.detach().copy_(changed) if is_in_place(before, output) else changed
    if isinstance(output, list | tuple) and not hasattr(output, "_fields"):
        return type(output)(perturb_output(before, each) for each in output)
    return output
