"""Measure what the drop layers of any network really do: `dropgrid.audit(model, loader)`."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from dropgrid import checks
from dropgrid.audits.evidence import Evidence, Setting
from dropgrid.audits.handover import Handover
from dropgrid.audits.hooks import Watch, WatchedCall, WatchedOwn
from dropgrid.audits.judge import judge, replaced_layers
from dropgrid.audits.laws import class_name, nominal_rate
from dropgrid.audits.probe import eval_probe, output_varies, outputs_differ, probe
from dropgrid.audits.reach import unused_results
from dropgrid.audits.result import GRADES, Audit, Finding, shorten_list
from dropgrid.audits.watch import Watched, tensors


def audit(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    batches: int = 8,
    advance: Callable[[float], object] | None = None,
    forward: Callable[[nn.Module, Any], object] | None = None,
) -> Audit:
    """Judge the drop layers of a network, on real batches: in the modes as given, in train mode and in eval mode.

    Copies of the layers are then called on ones, and one backward pass finds results that are not used. Modes, buffers,
    random state and `requires_grad` are restored; nothing is trained. Attributes in which layers count their own passes
    are not restored.

    Args:
        loader: yields batches: a tensor, or a tuple, list or mapping whose first tensor is the network's input.
        batches: how many to pass through the network in train mode.
        advance: sets the schedule of the layers to a progress from 0 to 1; called before each batch. If given, the
            direction and the pace of the schedule are judged.
        forward: passes a batch to the network, if `model(images)` is not enough.

    Raises:
        ValueError: no batch, or `batches` below 1; a model or batch without values: lazy, or on the meta device.
        TypeError: a loader that cannot be iterated.
    """
    checks.whole_number("batches", batches, 1)
    if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise TypeError(f"the loader must give batches in a for loop, got {loader!r}")
    check_initialised(model)
    taken = list(islice(iter(loader), batches))
    if not taken:
        raise ValueError("the loader gave no batch")
    if any(each.is_meta for each in tensors(taken)):
        raise ValueError("a batch is on the meta device, where tensors have no values")
    training, handover, watch = model.training, Handover(model), Watch(model)
    found: dict[Watched, Evidence] = {
        each: Evidence(each, full=nominal_rate(each.layer), **handover.fields(each.path)) for each in watch.modules
    }

    def run(batch: Any) -> object:
        """Pass a copy of a batch, as a layer may work in place."""
        return (forward or default_forward)(model, copy_batch(batch))

    with restoring_state(model):
        if not all(module.training for module in model.modules()):
            run_passes(watch, "given", run, taken[:1])
        model.train()
        run_passes(watch, "train", run, taken, advance)
        for each in watch.all:
            known = found.get(each) or Evidence(each, **handover.fields(each.path))
            found[each] = replace(known, **train_evidence(each))
        on = [each for each, evidence in found.items() if evidence.on]
        unused = unused_results(lambda: run(taken[0]), watch, on, model)
        off = all(each.certainly_off for each in found.values())
        hidden = random_part_findings(model, lambda: run(taken[0])) if off else []
        model.eval()
        run_passes(watch, "eval", run, taken[:1])
        for each in watch.all:
            known = found.get(each) or Evidence(each, **handover.fields(each.path))
            found[each] = replace(known, unused=unused.get(each, False), **eval_evidence(each))
        if not any(each.in_eval == "random" for each in found.values()):
            hidden += random_part_findings(model, lambda: run(taken[0]))
    advanced = len(taken) if advance is not None and len(taken) > 1 else 0
    moved = frozenset(each.kind for each in watch.all if len(set(each.levels)) > 1)
    setting = Setting(training, advanced, moved, replaced_layers(watch.all))
    judged = [judge(each, setting) for each in found.values()]
    findings = [*network_findings(model, training, bool(on)), *hidden, *chain(*(several for _, several in judged))]
    findings.sort(key=lambda each: GRADES.index(each.grade))
    examples = sum(count_examples(batch) for batch in taken)
    return Audit(class_name(model), tuple(layer for layer, _ in judged), tuple(findings), len(taken), examples)


def run_passes(
    watch: Watch,
    phase: str,
    run: Callable[[Any], object],
    batches: Sequence[Any],
    advance: Callable[[float], object] | None = None,
) -> None:
    """Pass batches through the network and record what its layers do."""
    with watch:
        for index, batch in enumerate(batches):
            progress = index / max(1, len(batches) - 1)
            if advance is not None:
                advance(progress)
            watch.start(phase, count_examples(batch), progress)
            run(batch)
        watch.start("")


def train_evidence(seen: Watched) -> dict[str, Any]:
    """Return what experiments on a copy of a layer in train mode show, as fields of its `Evidence`."""
    off = seen.informative and seen.informative == seen.identities and seen.levels[-1] == 0
    if not seen.calls or off or (isinstance(seen, WatchedCall) and seen.identities):
        return {}
    run = seen.replica()
    return {"probe": probe(seen, run), "varies": output_varies(run) if seen.opaque else None}


def eval_evidence(seen: Watched) -> dict[str, Any]:
    """Return what experiments on a copy of a layer in eval mode show, as fields of its `Evidence`."""
    by_arguments = isinstance(seen, WatchedCall) or (isinstance(seen, WatchedOwn) and not seen.on_features)
    if by_arguments or not seen.calls or (seen.levels[-1] == 0 and not seen.evals_changed):
        return {}
    does, factor = eval_probe(seen, seen.replica())
    return {"called_in_eval": does, "eval_factor": factor}


def random_part_findings(model: nn.Module, run: Callable[[], object]) -> list[Finding]:
    """Return a finding if two passes of a batch differ, although no drop layer explains it."""
    first, second = ([each.detach().clone() for each in tensors(run())] for _ in range(2))
    if not outputs_differ(first, second):
        return []
    grade, mode = ("note", "train") if model.training else ("warning", "eval")
    return [Finding(grade, "", f"the model is random in {mode} mode, by something that is no drop layer seen here")]


def network_findings(model: nn.Module, training: bool, on: bool) -> Iterator[Finding]:
    """Yield findings on the network itself: its mode, and parts that cannot be inspected."""
    if not training and on:
        yield Finding("warning", "", "the model was handed over in eval mode: if it trains like this, nothing drops")
    found = [name for name, each in model.named_modules() if isinstance(each, torch.jit.ScriptModule)]
    tops = [name for name in found if not any(name.startswith(f"{other}.") for other in found)]
    if tops:
        names = shorten_list([name or "the model itself" for name in tops])
        what = "scripted or traced by torch.jit; what drops inside cannot be seen"
        yield Finding("note", "", f"inconclusive: {names}: {what}")


@contextmanager
def restoring_state(model: nn.Module) -> Iterator[None]:
    """Restore at the end modes, buffers, `requires_grad` and random state; parameters require gradients meanwhile."""
    modes = {module: module.training for module in model.modules()}
    kept = {name: each.detach().clone() for name, each in model.named_buffers()}
    wanted = {each: each.requires_grad for each in model.parameters()}
    devices = sorted({each.device.index or 0 for each in model.parameters() if each.is_cuda})
    for parameter in wanted:
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    eager = torch.compiler.set_stance("force_eager")  # compiled code calls no hooks
    with torch.random.fork_rng(devices), torch.no_grad(), eager:
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            for name, each in model.named_buffers():
                if name in kept and kept[name].shape == each.shape:
                    restore_buffer(each, kept[name])
            for parameter, on in wanted.items():
                parameter.requires_grad_(on)


def copy_batch(batch: Any) -> Any:
    """Return a copy of a batch; the batch itself if its class cannot be copied."""
    try:
        return copy.deepcopy(batch)
    except (RuntimeError, TypeError):
        return batch


def check_initialised(model: nn.Module) -> None:
    """Raise ValueError if parameters or buffers of a model have no values yet."""
    for name, each in chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(each):
            raise ValueError(f"{name} is lazy and has no shape yet: pass one batch through the model first")
        if each.is_meta:
            raise ValueError(f"{name} is on the meta device: give the model values first, by model.to_empty(device=…)")


def restore_buffer(buffer: Tensor, kept: Tensor) -> None:
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
