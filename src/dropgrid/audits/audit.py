"""Measure what the drop layers of any network really do: `dropgrid.audit(model, loader)`."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, islice
from math import isnan
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from dropgrid import checks
from dropgrid.audits.laws import kind
from dropgrid.audits.result import Audit, Layer, shortened
from dropgrid.audits.watch import Own, Watch, Watched, tensors
from dropgrid.treatment import DROPPED, strayed

BY_CHANCE = 1e-3
"""A layer that dropped nothing is flagged, unless by its law that has a higher probability than this."""


def audit(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    batches: int = 8,
    advance: Callable[[float], object] | None = None,
    forward: Callable[[nn.Module, Any], object] | None = None,
) -> Audit:
    """Pass real batches through a network in train mode and one in eval mode, and compare what its drop layers did.

    Modes, buffers and random state of the network are restored; nothing is trained, no gradient is computed. Attributes
    in which layers count their own passes are not restored.

    Args:
        loader: yields batches: a tensor, or a tuple, list or mapping whose first tensor is the network's input.
        batches: how many to pass through the network in train mode.
        advance: sets the schedule of the layers to a progress from 0 to 1; called before each batch. If given, a layer
            whose probability stays constant is flagged.
        forward: passes a batch to the network, if `model(images)` is not enough.

    Raises:
        ValueError: no batch, or `batches` below 1; a model or batch without values: lazy, or on the meta device.
        TypeError: a loader that cannot be iterated.
    """
    checks.whole_number("batches", batches, 1)
    if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise TypeError(f"the loader must give batches in a for loop, got {loader!r}")
    has_values(model)
    taken = list(islice(iter(loader), batches))
    if not taken:
        raise ValueError("the loader gave no batch")
    if any(each.is_meta for each in tensors(taken)):
        raise ValueError("a batch is on the meta device, where tensors have no values")
    modes = {module: module.training for module in model.modules()}
    kept = {name: each.detach().clone() for name, each in model.named_buffers()}
    run = forward or default_forward
    devices = sorted({each.device.index or 0 for each in model.parameters() if each.is_cuda})
    with torch.random.fork_rng(devices), torch.no_grad(), Watch(model) as watch:
        try:
            model.train()
            watch.training(True)
            with watch.functions:
                for index, batch in enumerate(taken):
                    if advance is not None:
                        advance(index / max(1, len(taken) - 1))
                    run(model, batch)
            model.eval()
            watch.training(False)
            run(model, taken[0])
        finally:
            for module, mode in modes.items():
                module.training = mode
            for name, each in model.named_buffers():
                if name in kept and kept[name].shape == each.shape:
                    put_back(each, kept[name])
    found = tuple(judge_layer(each, advance is not None) for each in watch.layers)
    functions = tuple((name, rate, count) for (name, rate), count in watch.functions.calls.items())
    examples = sum(count_examples(batch) for batch in taken)
    return Audit(kind(model), found, functions, len(taken), examples, opaque_modules(model))


def has_values(model: nn.Module) -> None:
    """Raise ValueError if parameters or buffers of a model have no values yet."""
    for name, each in chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(each):
            raise ValueError(f"{name} is lazy and has no shape yet: pass one batch through the model first")
        if each.is_meta:
            raise ValueError(f"{name} is on the meta device: give the model values first, by model.to_empty(device=…)")


def opaque_modules(model: nn.Module) -> tuple[str, ...]:
    """Return a note on the parts of a model that cannot be inspected; empty if there are none."""
    found = [
        name or "the model itself" for name, each in model.named_modules() if isinstance(each, torch.jit.ScriptModule)
    ]
    tops = [name for name in found if not any(name.startswith(f"{other}.") for other in found)]
    if not found:
        return ()
    return (f"{shortened(tops)}: scripted or traced by torch.jit; what drops inside cannot be seen",)


def put_back(buffer: Tensor, kept: Tensor) -> None:
    """Copy in place; for expanded dimensions, only their one element."""
    for dim, stride in enumerate(buffer.stride()):
        if stride == 0 and buffer.shape[dim] > 1:
            buffer, kept = buffer.narrow(dim, 0, 1), kept.narrow(dim, 0, 1)
    buffer.copy_(kept)


def default_forward(model: nn.Module, batch: Any) -> object:
    """Return model(images), on the model's device."""
    images = first_tensor(batch)
    parameter = next(model.parameters(), None)
    return model(images if parameter is None else images.to(parameter.device))


def first_tensor(batch: Any) -> Tensor:
    """Return the first tensor of a batch."""
    if isinstance(batch, Tensor):
        return batch
    for each in batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ():
        if isinstance(each, Tensor):
            return each
    raise ValueError(f"a batch is a {type(batch).__name__} without a tensor; pass forward=lambda model, batch: …")


def count_examples(batch: Any) -> int:
    """Return the number of examples in a batch; 0 if it is unknown."""
    try:
        return len(first_tensor(batch))
    except (TypeError, ValueError):
        return 0


def judge_layer(seen: Watched, scheduled: bool) -> Layer:
    """Return one layer's numbers, flags and notes."""
    realised, expected, nominal = seen.realised, seen.expected, seen.nominal
    levels = (seen.levels[0], seen.levels[-1]) if seen.levels else (None, None)
    likely = next((each for each in (expected, nominal, realised) if each is not None), None)
    stderr = seen.stderr(min(max(likely, 0.0), 1.0)) if realised is not None and likely is not None else None
    off = seen.identities == seen.informative if seen.informative else None if seen.calls else False
    still = None if not seen.evals else seen.evals_changed == 0
    counted = isinstance(seen, Own) and seen.layer.counts != DROPPED
    flags: list[str] = []
    notes: list[str] = []
    # without a known law there is no such probability, and a layer that drops nothing is flagged
    if off and expected and stderr and (chance := chance_of_no_drop(expected, stderr)) > BY_CHANCE:
        off = None
        notes.append(
            f"it dropped nothing, as {percent(chance)} of audits do at a rate of {percent(expected)}; "
            "audit more batches"
        )
    elif off is None:
        notes.append("inconclusive: its batches were empty or zero, or its output has another shape than its input")
    if not seen.calls:
        flags.append("it never ran")
    elif off and nominal:
        flags.append(f"it is the identity in train mode, at a nominal {percent(nominal)}")
    elif off:
        flags.append("it is the identity in train mode: its probability is 0")
    if any(level is not None and isnan(level) for level in seen.levels):
        flags.append("its probability is not a number")
    if still is False:
        flags.append("it is on in eval mode")
    if seen.clamped:
        flags.append("its block is larger than the map, and clamped")
    if scheduled and seen.calls and levels[0] == levels[1] and not off:
        flags.append(f"its probability stays {percent(levels[0])}, although a schedule was advanced")
    if stderr is not None and realised is not None and not off and not counted:
        if expected is not None and strayed(realised, expected, stderr):
            flags.append(f"it drops {percent(realised)}, its law says {percent(expected)}")
        if nominal is not None and strayed(realised, nominal, stderr):
            flags.append(f"it drops {percent(realised)} at a nominal {percent(nominal)}")
    if seen.calls and not seen.known:
        notes.append("its law is not known here")
    if counted:
        notes.append(f"cells counted are those that were {seen.layer.counts}")
    if isinstance(seen, Own) and seen.layer.schedule != "constant" and not scheduled:
        notes.append(f"its schedule ({seen.layer.schedule}) was not advanced")
    return Layer(
        name=seen.name or "(the model itself)",
        kind=kind(seen.layer),
        shape=seen.shape,
        calls=seen.calls,
        levels=levels,
        nominal=nominal,
        expected=expected,
        realised=realised,
        stderr=stderr,
        clamped=seen.clamped,
        identity_in_train=off,
        identity_in_eval=still,
        flags=tuple(flags),
        notes=tuple(notes),
    )


def chance_of_no_drop(rate: float, stderr: float) -> float:
    """Return the probability that a layer at a rate drops nothing: (1 - rate)^n.

    n is the number of draws: rate (1 - rate) / n = stderr².
    """
    return float((1 - rate) ** (rate * (1 - rate) / stderr**2)) if rate < 1 else 0.0


def percent(share: float | None) -> str:
    """Return a fraction as `9.31 %`."""
    return "nothing" if share is None else f"{100 * share:.2f} %"
