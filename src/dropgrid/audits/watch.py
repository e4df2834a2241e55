"""Hooks that observe what the drop layers of any network do to their inputs."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from dropgrid.audits.laws import Law, law, nominal, zeroes
from dropgrid.sites import AbstractRandom

FUNCTIONS: Mapping[Callable[..., Any], tuple[str, int | None, str]] = {
    F.dropout: ("p", 1, "training"),
    F.dropout1d: ("p", 1, "training"),
    F.dropout2d: ("p", 1, "training"),
    F.dropout3d: ("p", 1, "training"),
    F.alpha_dropout: ("p", 1, "training"),
    F.feature_alpha_dropout: ("p", 1, "training"),
    F.scaled_dot_product_attention: ("dropout_p", 4, ""),
    F.multi_head_attention_forward: ("dropout_p", 10, "training"),
    torch.dropout: ("p", 1, "train"),
}
"""Functions that drop: name and position of the probability, and the name of the flag that switches it on."""

ENOUGH = 30
"""The fewest draws from whose own spread a standard error is estimated."""


WORDS = ("drop", "stochasticdepth", "shakedrop")


def drop_layers(network: nn.Module) -> dict[str, nn.Module]:
    """Return dotted name -> drop layer: modules that have a class, or a base class, named after dropping.

    A block that contains a drop layer is not one itself.
    """
    called = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, AbstractRandom) or is_drop(module)
    }
    inside = {name: f"{name}." if name else "" for name in called}
    return {
        name: module
        for name, module in called.items()
        if not any(other != name and other.startswith(inside[name]) for other in called)
    }


def is_drop(module: nn.Module) -> bool:
    """Predicate: a module's class or one of its bases is named after dropping."""
    family = [each.__name__.lower() for each in type(module).__mro__]
    return any(word in each for each in family for word in WORDS)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a layer's inputs or output, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(each)


def positional(layer: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a layer's inputs in the order of its arguments."""
    if not named:
        return inputs
    bound = signature(layer.forward).bind(*inputs, **named)
    return (*bound.args, *bound.kwargs.values())


def informative_cells(before: Tensor) -> Tensor:
    """Return which cells show whether they are dropped: those that are finite and not already 0."""
    return (before != 0) & before.isfinite()


class Watched:
    """Counts of one layer, pass by pass.

    A cell counts as dropped if it is 0 and was not; cells that were 0 before are not counted. `expected` weights the
    law's cells as they were counted, so that a map whose borders are 0 is compared with the law at its centre.
    """

    def __init__(self, name: str, layer: nn.Module):
        self.name, self.layer = name, layer
        self.calls = self.informative = self.identities = self.evals = self.evals_changed = 0
        self.levels: list[float | None] = []
        self.shape: tuple[int, ...] = ()
        self.clamped = False
        self.known = True
        self.dropped = self.seen = 0.0
        self.should = 0.0
        self.units: list[Tensor] = []
        self.before: list[Tensor] = []

    def enter(self, layer: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Keep a copy of the input: a layer may work in place."""
        features = next(tensors(positional(layer, inputs, named)), torch.empty(0))
        self.before.append(features.detach().clone())

    def leave(self, layer: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any], output: Any) -> None:
        """Count what the layer changed."""
        before = self.before.pop()
        after = next(tensors(output), None)
        same = self.same(before, None if after is None else after.detach())
        if not self.training:
            self.evals += same is not None
            self.evals_changed += same is False
            return
        self.calls += 1
        self.informative += same is not None
        self.identities += same is True
        self.levels.append(self.level())
        self.shape = tuple(before.shape)
        self.count(positional(layer, inputs, named), before, after)

    training = True
    """Whether the network is in train mode, whatever the layer's own mode is."""

    def same(self, before: Tensor, after: Tensor | None) -> bool | None:
        """Predicate: the output equals the input; None if that is inconclusive."""
        if after is None or after.shape != before.shape:
            return None
        equal = bool(((before == after) | ((before != before) & (after != after))).all())
        return True if equal and bool(informative_cells(before).any()) else None if equal else False

    def level(self) -> float | None:
        """Return the layer's current probability, by its attributes."""
        return nominal(self.layer)

    def count(self, inputs: tuple[Any, ...], before: Tensor, after: Tensor | None) -> None:
        """Count informative cells, those dropped among them, and how many the law expects."""
        layer = self.layer
        if after is None or after.shape != before.shape or not zeroes(layer):
            self.known = False
            return
        if not before.numel():
            return
        informative = informative_cells(before)
        gone = (informative & (after == 0)).double()
        weights = informative.double()
        rule = law(layer, self.shape)
        self.known = self.known and rule is not None
        if rule is not None:
            self.clamped = self.clamped or rule.clamped
            cells = rule.cells.to(weights.device) if rule.cells is not None else torch.tensor(rule.rate).double()
            self.should += float((weights * cells).sum())
        self.dropped += float(gone.sum())
        self.seen += float(weights.sum())
        self.units.append(torch.stack([per_unit(gone, rule), per_unit(weights, rule)]).cpu())

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

    def stderr(self, rate: float) -> float:
        """Return the standard error of the realised fraction at a true rate.

        √(Σ wᵤ² r (1 - r)) / Σ wᵤ over the draws u of wᵤ cells: exact if a draw drops all of its cells or none,
        otherwise a bound; with many draws of blocks, their own spread, √(Σ wᵤ² (fᵤ - f)²) / Σ wᵤ.
        """
        gone, weights = torch.cat(self.units, dim=1)
        gone, weights = gone[weights > 0], weights[weights > 0]
        bound = math.sqrt(rate * (1 - rate) * float((weights**2).sum())) / float(weights.sum())
        apart = gone - weights * self.dropped / self.seen
        spread = math.sqrt(float((apart**2).sum())) / float(weights.sum())
        return spread if len(weights) >= ENOUGH and spread > 0 and spread < bound else bound


def per_unit(values: Tensor, rule: Law | None) -> Tensor:
    """Return sums over what one draw decides; if the law is unknown, over examples."""
    unit = rule.unit if rule is not None else "example"
    if unit == "cell":
        return values.flatten()
    if unit in ("channel", "channel's map"):
        return values.flatten(2).sum(2).flatten()
    return values.flatten(1).sum(1) if unit == "example" and values.dim() > 1 else values.sum().view(1)


class Own(Watched):
    """Counts of one of dropgrid's layers, which counts by itself, and whose law is exact."""

    layer: AbstractRandom

    def __init__(self, name: str, layer: AbstractRandom):
        super().__init__(name, layer)
        self.variance = 0.0

    def enter(self, layer: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        super().enter(layer, inputs, named)
        self.counted = (int(self.layer.dropped), int(self.layer.seen))

    def same(self, before: Tensor, after: Tensor | None) -> bool | None:
        """Predicate: nothing was random; None if the batch is empty."""
        if not self.training:
            return not self.layer.active
        if not before.numel():
            return None
        return int(self.layer.dropped) == self.counted[0]

    def level(self) -> float | None:
        return float(self.layer.level)

    def count(self, inputs: tuple[Any, ...], before: Tensor, after: Tensor | None) -> None:
        if not before.numel():
            return
        own, level = self.layer, torch.atleast_1d(self.layer.level).double().cpu().numpy()
        shape = own.shape(*inputs)
        dropped, seen = int(own.dropped) - self.counted[0], int(own.seen) - self.counted[1]
        self.known = self.known and bool(own.counts)
        self.clamped = self.clamped or own.clamped(shape)
        self.dropped, self.seen = self.dropped + dropped, self.seen + seen
        self.should += float(own.expected(shape, level)[0]) * seen
        self.variance += float(own.variance(shape, level)[0]) / own.draws(len(before)) * seen**2

    def stderr(self, rate: float) -> float:
        """Return the standard error by the layer's own law."""
        return math.sqrt(self.variance) / self.seen


class Functions(TorchFunctionMode):
    """Counts the calls of torch functions that drop, by probability, outside of any watched layer."""

    def __init__(self, inside: Sequence[Watched]):
        super().__init__()
        self.inside = inside
        self.calls: dict[tuple[str, float], int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in FUNCTIONS and not any(each.before for each in self.inside):
            name, place, on = FUNCTIONS[func]
            rate = given.get(name, args[place] if place is not None and len(args) > place else 0.5 if on else 0.0)
            follows = args[place + 1] if on and place is not None and len(args) > place + 1 else True
            if rate and given.get(on, follows) is not False:
                key = (func.__name__, float(rate))
                self.calls[key] = self.calls.get(key, 0) + 1
                with torch._C.DisableTorchFunction():
                    return func(*args, **given)
        return func(*args, **given)


class Watch(AbstractContextManager["Watch"]):
    """A context in which a network's drop layers have hooks."""

    def __init__(self, network: nn.Module):
        found = drop_layers(network)
        self.layers = [
            Own(name, each) if isinstance(each, AbstractRandom) else Watched(name, each) for name, each in found.items()
        ]
        self.functions = Functions(self.layers)
        self.handles: list[RemovableHandle] = []

    def __enter__(self) -> "Watch":
        for each in self.layers:
            self.handles.append(each.layer.register_forward_pre_hook(each.enter, with_kwargs=True))
            self.handles.append(each.layer.register_forward_hook(each.leave, with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def training(self, on: bool) -> None:
        """Set the mode that the network is in."""
        for each in self.layers:
            each.training = on
