"""Hooks on the drop layers of a network, and on the torch functions that drop outside of any layer."""

import copy
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from dropgrid.audits.laws import Law, class_name, drops_to_zero, function_law, law_of, nominal_rate
from dropgrid.audits.watch import Watched, drop_layers, informative_cells, tensors
from dropgrid.sites import AbstractDrop, AbstractRandom

COMPARED = ("given", "train", "eval")
"""The phases in which outputs are compared with inputs."""

OFF_BY_DEFAULT = (F.alpha_dropout, F.feature_alpha_dropout)

FUNCTIONS: Mapping[Callable[..., Any], tuple[str, int, str]] = {
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), ("p", 1, "training")),
    **dict.fromkeys(OFF_BY_DEFAULT, ("p", 1, "training")),
    F.scaled_dot_product_attention: ("dropout_p", 4, ""),
    F.multi_head_attention_forward: ("dropout_p", 10, "training"),
    **dict.fromkeys((torch.dropout, torch.dropout_, torch.feature_dropout, torch.feature_dropout_), ("p", 1, "train")),
}
"""Functions that drop: name and position of the probability, and the name of the flag that switches it on."""


def positional(layer: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a layer's inputs in the order of its arguments."""
    if not named:
        return inputs
    bound = signature(layer.forward).bind(*inputs, **named)
    return (*bound.args, *bound.kwargs.values())


def with_features(
    inputs: tuple[Any, ...], named: Mapping[str, Any], features: Tensor | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments in which the first tensor is `features`; as they are for None."""
    values = [*inputs, *named.values()]
    if features is not None:
        place = next(index for index, each in enumerate(values) if isinstance(each, Tensor))
        values[place] = features
    return tuple(values[: len(inputs)]), dict(zip(named, values[len(inputs) :], strict=True))


class WatchedModule(Watched):
    """What a module did."""

    def __init__(self, name: str, layer: nn.Module):
        super().__init__(name or "(the model itself)", class_name(layer))
        self.layer, self.path = layer, name
        self.opaque, self.zeroes = isinstance(layer, nn.RNNBase), drops_to_zero(layer)
        self.before: list[Tensor] = []
        self.last: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def enter(self, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Keep the input: a copy if it is compared, as a layer may work in place."""
        features = next(tensors(positional(layer, inputs, named)), torch.empty(0)).detach()
        self.before.append(features.clone() if self.phase in COMPARED else features)

    def leave(self, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
        """Record what the layer did; return what replaces its output, or None."""
        if self.phase in ("train", "eval"):
            self.last = (inputs, named)
        return self.observe(positional(layer, inputs, named), self.before.pop(), output)

    def law(self) -> Law | None:
        return law_of(self.layer, self.shape)

    def level(self) -> float | None:
        return nominal_rate(self.layer)

    def replica(self) -> Callable[[Tensor | None], Any]:
        try:
            layer = copy.deepcopy(self.layer)
        except (RuntimeError, TypeError):  # it keeps a tensor of a graph, or something else that cannot be copied
            layer = self.layer

        def run(features: Tensor | None) -> Any:
            inputs, named = with_features(*self.last, features)
            self.prepare(layer)
            return layer(*inputs, **named)

        return run

    def prepare(self, layer: nn.Module) -> None:
        """Make a layer draw new masks."""


class WatchedOwn(WatchedModule):
    """What one of dropgrid's layers did, which counts by itself, and whose law is exact."""

    layer: AbstractRandom

    def __init__(self, name: str, layer: AbstractRandom):
        super().__init__(name, layer)
        self.zeroes = isinstance(layer, AbstractDrop)
        self.variance = 0.0

    def enter(self, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        super().enter(layer, inputs, named)
        if self.phase not in ("reach", "recompute"):  # a backward pass that calls the layer again has the same key
            self.prepare(layer)
        self.counted = (int(self.layer.dropped), int(self.layer.seen))

    def prepare(self, layer: nn.Module) -> None:
        """Set a new key: one that training set stays until training sets the next."""
        if isinstance(layer, AbstractRandom) and layer.keyed:
            layer.key.fill_(int(torch.randint(2**62, ())))

    @property
    def on_features(self) -> bool:
        """Predicate: the layer takes features alone, and no weight."""
        return len(self.last[0]) + len(self.last[1]) == 1

    def same(self, before: Tensor, after: Tensor | None) -> bool | None:
        """Predicate: nothing was random, or what was counted changed nothing; None if the batch is empty."""
        if self.phase != "train":
            return not self.layer.active
        if not before.numel():
            return None
        ineffective = self.on_features and bool(self.layer.counts) and super().same(before, after) is True
        return int(self.layer.dropped) == self.counted[0] or ineffective

    def level(self) -> float | None:
        return float(self.layer.level)

    def law(self) -> Law | None:
        return None

    def count(self, inputs: tuple[Any, ...], before: Tensor, after: Tensor | None) -> None:
        if not before.numel():
            return
        own, level = self.layer, torch.atleast_1d(self.layer.level).double().cpu().numpy()
        shape = own.shape(*inputs)
        dropped, seen = int(own.dropped) - self.counted[0], int(own.seen) - self.counted[1]
        self.known = self.known and bool(own.counts)
        self.clamped = self.clamped or own.clamped(shape)
        self.should += float(own.expected(shape, level)[0]) * seen
        self.variance += float(own.variance(shape, level)[0]) / own.draws(len(before)) * seen**2
        self.tally(dropped, seen)
        self.opaque = self.opaque or after is None or after.shape != before.shape
        if after is not None and self.zeroes and not self.opaque:
            informative = informative_cells(before)
            self.compare_steps(informative & (after == 0), informative)

    def stderr(self, rate: float) -> float:
        """Return the standard error by the layer's own law."""
        return math.sqrt(self.variance) / self.seen


class WatchedCall(Watched):
    """What one line that calls a torch function did. The function's arguments switch it on or off."""

    def __init__(self, name: str, func: Callable[..., Any], path: str):
        super().__init__(name, f"F.{func.__name__}")
        self.func, self.path = func, path
        self.opaque = func in (F.scaled_dot_product_attention, F.multi_head_attention_forward)
        self.zeroes = "alpha" not in func.__name__
        self.rate, self.active = 0.0, False
        self.last: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def enter(self, args: tuple[Any, ...], named: dict[str, Any], rate: float, active: bool) -> Tensor:
        """Return the features before the call: a copy, as the function may work in place."""
        self.rate, self.active = rate, active
        if self.phase in ("train", "eval"):
            self.last = (args, named)
        features = next(tensors([args, named])).detach()
        return features.clone() if self.phase in COMPARED else features

    def same(self, before: Tensor, after: Tensor | None) -> bool | None:
        return not self.active

    def law(self) -> Law | None:
        return function_law(self.func.__name__, self.rate, self.shape)

    def level(self) -> float | None:
        return self.rate

    def replica(self) -> Callable[[Tensor | None], Any]:
        args, named = self.last

        def run(features: Tensor | None) -> Any:
            inputs, keywords = with_features(args, named, features)
            return self.func(*inputs, **keywords)

        return run


def rate_of(func: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the probability in a call's arguments, and whether they switch the function on."""
    name, place, on = FUNCTIONS[func]
    rate = named.get(name, args[place] if len(args) > place else 0.5 if on else 0.0)
    default = func not in OFF_BY_DEFAULT
    active = named.get(on, args[place + 1] if on and len(args) > place + 1 else default)
    return float(rate), bool(active) and float(rate) > 0


class Functions(TorchFunctionMode):
    """Records calls of torch functions that drop, by the line in the model's code, outside of any watched layer."""

    def __init__(self, watch: "Watch"):
        super().__init__()
        self.watch = watch
        self.calls: dict[tuple[str, str, int], WatchedCall] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func not in FUNCTIONS or not self.watch.phase or self.watch.inside_layer():
            return func(*args, **given)
        rate, active = rate_of(func, args, given)
        call = self.call_at(func) if rate else None
        if call is None:
            return func(*args, **given)
        before = call.enter(tuple(args), given, rate, active)
        output = func(*args, **given)
        replacement = call.observe(tuple(args), before, output)
        return output if replacement is None else replacement

    def call_at(self, func: Callable[..., Any]) -> WatchedCall | None:
        """Return the record of a function at the line that calls it, in the innermost module of the model.

        A backward pass, in which a module may not be seen, makes no new record.
        """
        frame, module, line = sys._getframe(2), None, 0
        while frame is not None and module is None:
            found = frame.f_locals.get("self")
            if isinstance(found, nn.Module) and id(found) in self.watch.names:
                module, line = found, frame.f_lineno
            frame = frame.f_back  # type: ignore[assignment]
        path = "" if module is None else self.watch.names[id(module)]
        key = (path, func.__name__, line)
        if key not in self.calls and self.watch.phase != "recompute":
            of_torch = module is None or type(module).__module__.startswith("torch.")
            place = path or "(the model itself)"
            self.calls[key] = WatchedCall(place if of_torch else f"{place}, line {line}", func, path)
            self.calls[key].start(self.watch.phase, self.watch.batch, self.watch.progress)
        return self.calls.get(key)


class Watch(AbstractContextManager["Watch"]):
    """A context in which a network's drop layers, and functions that drop, are recorded."""

    def __init__(self, network: nn.Module):
        self.names = {id(module): name for name, module in network.named_modules()}
        self.modules = [
            WatchedOwn(name, each) if isinstance(each, AbstractRandom) else WatchedModule(name, each)
            for name, each in drop_layers(network).items()
        ]
        self.phase, self.batch, self.progress = "", 0, 1.0
        self.functions = Functions(self)
        self.handles: list[RemovableHandle] = []

    @property
    def all(self) -> list[Watched]:
        """The layers in order, then the calls of functions."""
        return [*self.modules, *self.functions.calls.values()]

    def __enter__(self) -> "Watch":
        for each in self.modules:
            each.before.clear()
            self.handles.append(each.layer.register_forward_pre_hook(each.enter, with_kwargs=True))
            self.handles.append(each.layer.register_forward_hook(each.leave, with_kwargs=True))
        self.functions.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *_: object) -> None:
        self.functions.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        while self.handles:
            self.handles.pop().remove()

    def inside_layer(self) -> bool:
        """Predicate: a watched module runs."""
        return any(each.before for each in self.modules)

    def start(self, phase: str, batch: int = 0, progress: float = 1.0, *, only: Watched | None = None) -> None:
        """Begin a pass, which all record or only one does."""
        self.phase, self.batch, self.progress = phase, batch, progress
        for each in self.all:
            each.start(phase if only in (None, each) else "", batch, progress)
