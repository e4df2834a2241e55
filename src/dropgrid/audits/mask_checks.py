"""Checks of a mask that hold for every law: scale, gradient, independence over dimensions and over steps."""

from collections.abc import Iterator

from dropgrid.audits.hooks import WatchedOwn
from dropgrid.audits.probe import Probe, tolerance
from dropgrid.audits.tails import ALARM, chance_of_equal, rate_tail, student_tail
from dropgrid.audits.watch import Watched

Statements = Iterator[tuple[str, str]]
"""Yields (grade, message)."""


def mask_findings(seen: Watched, probe: Probe | None, eval_factor: float) -> Statements:
    """Yield the findings on a layer that is on; it must set what it drops to 0."""
    if not seen.zeroes or seen.opaque:
        return
    yield from step_findings(seen, probe)
    yield from batch_findings(seen)
    if seen.recomputed:
        what = "a checkpoint calls it again without the random state (preserve_rng_state=False)"
        yield "error", f"its backward pass has another mask than its forward pass: {what}"
    if probe is not None and probe.share:
        yield from scale_findings(seen, probe, eval_factor)
        yield from gradient_findings(probe)
        if not probe.repeated and not isinstance(seen, WatchedOwn):
            yield from independence_findings(seen, probe)
            yield from repeat_findings(seen, probe)


def scale_findings(seen: Watched, probe: Probe, eval_factor: float) -> Statements:
    """Yield the finding on E[output] / E[input], which must be the same in train mode and in eval mode.

    Right are: 1 / (1 - p) times the factor in eval mode, with the nominal p or the law's; and a mean of 1 in every
    call, as of layers that divide by the fraction kept.
    """
    close = tolerance(seen.dtype)
    if not probe.kept or all(abs(mean / eval_factor - 1) < close for mean in probe.means):
        return
    rule, level = seen.law(), seen.levels[-1]
    factor = probe.kept[0]
    constant = probe.uniform and max(probe.kept) - min(probe.kept) <= close * abs(factor)
    rates = [rate for rate in (level, rule.rate if rule else None) if rate is not None and 0 <= rate < 1]
    if constant and any(abs(factor / eval_factor * (1 - rate) - 1) < close for rate in rates):
        return
    mean = sum(probe.means) / probe.calls
    is_, in_eval = f"E[output] / E[input] is {mean:.3g} in train mode", f"{eval_factor:.3g} in eval mode"
    if not constant:
        if student_tail(probe.means, eval_factor) < ALARM:
            yield "error", f"{is_} and {in_eval}: its scale is wrong"
        return
    implied = 1 - eval_factor / factor  # the rate at which this factor would be right
    should = f", not by 1 / (1 - p) = {eval_factor / (1 - rates[0]):.3g}" if rates else ""
    message = f"{is_} and {in_eval}: it multiplies what it keeps by {factor:.3g}{should}"
    wanted = getattr(getattr(seen, "layer", None), "scale_by_keep", True)
    if rate_tail(probe.shares, implied) < ALARM or implied <= 0:
        yield "error" if wanted else "warning", message
    elif rates and max(implied, rates[0]) > 1.5 * min(implied, rates[0]):
        yield "warning", message


def gradient_findings(probe: Probe) -> Statements:
    """Yield the finding on a backward pass that is not that of input · mask · scale."""
    if probe.detached:
        yield "error", "no gradient passes through it"
    elif probe.passes_dropped:
        yield (
            "error",
            f"its backward pass ignores the mask: {100 * probe.passes_dropped:.0f} % of what it drops gets a gradient",
        )
    elif probe.gradient is False:
        yield "error", "its backward pass scales by another factor than its forward pass"


def step_findings(seen: Watched, probe: Probe | None) -> Statements:
    """Yield the finding on one mask for all steps, or on masks that come back."""
    if seen.realised == 1:
        return
    compared = [row[0] for row in seen.steps if row[0] is not None]
    if probe is not None and probe.repeated and not compared:
        yield "warning", "it drops the same cells in every call"
    if not compared or not all(compared):
        if probe is not None and not probe.repeated:  # else its copy keeps a mask that the network may renew
            yield from comeback_findings(seen, probe)
        return
    rate = min(max(seen.realised or 0.5, 0.01), 0.99)
    draws = independent_draws(seen, probe) if probe is not None and not probe.repeated else 1.0
    calls = probe.calls if probe is not None and probe.repeated else 0
    chance = chance_of_equal(rate, 2, draws * len(compared) + calls)
    if chance < ALARM:
        yield "error", "it drops the same cells at every step"
    else:
        yield "note", "inconclusive: it dropped the same cells at every step, which may be chance; audit more batches"


def comeback_findings(seen: Watched, probe: Probe) -> Statements:
    """Yield the finding on masks that come back at some steps, if those of independent entries would hardly do so."""
    batch = batch_dimensions(seen)
    own = [dim for dim in probe.masks.entries if not probe.shared[dim]]
    if not own:
        return
    dim = next((each for each in own if each in batch), own[0])
    pairs = sum(len(row) for row in seen.steps) + probe.calls**2
    steps = sum(True in row for row in seen.steps)
    if max(steps, probe.masks.returned) and pairs * probe.masks.chance_of_same(dim) < ALARM:
        at = f"{steps} of {len(seen.steps)} later steps" if steps else f"{probe.masks.returned} of {probe.calls} calls"
        yield "error" if dim in batch else "note", f"it drops the same cells again, as at an earlier step, at {at}"


def independent_draws(seen: Watched, probe: Probe | None) -> float:
    """Return the number of independent draws in a call: along the first two dimensions, unless shared there."""
    shared = probe.shared if probe is not None else {}
    sizes = [size for dim, size in enumerate(seen.shape[:2]) if not shared.get(dim, True)]
    return float(sizes[0] * (sizes[1] if len(sizes) > 1 else 1)) if sizes else 1.0


def batch_dimensions(seen: Watched) -> list[int]:
    """Return the dimensions of an input that may be the batch's: several, if a sequence is as long as the batch."""
    if seen.examples < 2 or not seen.shape:
        return []
    first = seen.shape[0] % seen.examples == 0
    if len(seen.shape) in (2, 4):
        return [0] if first else []
    return [dim for dim, size in enumerate(seen.shape) if size == seen.examples] or ([0] if first else [])


def batch_findings(seen: Watched) -> Statements:
    """Yield the finding on a mask drawn once for all examples, outside of the layer: its input has no batch."""
    if seen.examples > 1 and seen.shape[0] == 1 and not batch_dimensions(seen):
        message = f"its input {seen.shape} has no dimension for the {seen.examples} examples, which share what it drops"
        yield "warning", message


def independence_findings(seen: Watched, probe: Probe) -> Statements:
    """Yield findings on dimensions along which one mask is shared, or is not, against the layer's law.

    Of a layer without a known law it is a warning that all examples share a mask. Sequences (T, N, D) and (N, T, D)
    look alike, and one mask for all times is common, so of these it is a note.
    """
    rule, batch, unit = seen.law(), batch_dimensions(seen), measured_unit(seen, probe)
    for dim, shared in probe.shared.items():
        size = seen.shape[dim]
        certain = chance_of_equal(probe.share, size, probe.calls) < ALARM
        along = f"along dimension {dim} (size {size})"
        if rule is not None:
            wanted = rule.shared(dim)
            if wanted is True and not shared:
                yield "error", f"its mask differs {along}; its law shares it there"
            elif wanted is False and shared and certain:
                yield "error", f"its mask is shared {along}; its law draws each"
        elif shared and not certain:
            yield "note", f"inconclusive: its mask was shared {along}, which may be chance"
        elif shared and [dim] == batch and (unit == "batch" or len(seen.shape) != 3):
            yield "warning", f"its mask is shared by all examples, {along}"
        elif shared and (dim in batch or unit.startswith("dimension")):
            yield "note", f"its mask is shared {along}"


def repeat_findings(seen: Watched, probe: Probe) -> Statements:
    """Yield findings on entries of a mask that repeat others of their call, along the first two dimensions."""
    rule, batch = seen.law(), batch_dimensions(seen)
    for dim in probe.masks.entries:
        wanted = None if rule is None else rule.shared(dim)
        allowed = probe.shared[dim] or (rule is not None and wanted is not False)
        if not allowed and probe.masks.chance_within(dim) < ALARM:
            along = [dim] == batch and len(seen.shape) != 3
            grade = "error" if rule is not None else "warning" if along else "note"
            yield grade, f"parts of its mask repeat each other along dimension {dim} (size {seen.shape[dim]})"


def measured_unit(seen: Watched, probe: Probe | None) -> str:
    """Return what one draw decides, by the law or else as measured: the dimensions along which masks differ."""
    rule = seen.law() if seen.calls and not seen.opaque else None
    if rule is not None:
        return rule.unit
    if probe is None or not 0 < probe.share < 1 or probe.repeated:
        return ""
    own = [dim for dim, shared in probe.shared.items() if not shared]
    batch = batch_dimensions(seen)
    if not own:
        return "batch"
    if len(own) == len(probe.shared):
        return "cell"
    if own == batch:
        return "example"
    return "channel" if own == [0, 1] else f"dimension {', '.join(map(str, own))}"
