"""A layer's row and graded findings, from what it did: modes, rates, schedule and use of its result."""

from collections import Counter
from collections.abc import Sequence
from math import isnan

import torch

from dropgrid.audits.evidence import Evidence, Setting
from dropgrid.audits.hooks import WatchedCall, WatchedModule, WatchedOwn
from dropgrid.audits.mask_checks import Statements, mask_findings, measured_unit
from dropgrid.audits.mode_checks import mode_findings
from dropgrid.audits.result import Finding, Layer
from dropgrid.audits.schedule_checks import schedule_findings
from dropgrid.audits.tails import ALARM, binomial_tail, chance_of_no_drop, rate_tail
from dropgrid.audits.watch import Watched
from dropgrid.treatment import DROPPED, as_percent, strayed

FACTOR = 1.5
"""A rate this many times its nominal one, or more, is an error; nearer, it may be meant (blocks overlap): a warning."""


def judge(evidence: Evidence, setting: Setting) -> tuple[Layer, list[Finding]]:
    """Return one layer's row, and what was found, most serious first."""
    seen = evidence.seen
    on, realised = evidence.on, seen.realised
    if evidence.sets_nothing_to_zero and evidence.probe is not None and evidence.probe.varied:
        realised = None
    likely = next((each for each in (seen.expected, seen.nominal, realised) if each is not None), None)
    stderr = seen.stderr(min(max(likely, 0.0), 1.0)) if realised is not None and likely is not None else None
    layer = Layer(
        name=seen.name,
        kind=seen.kind,
        shape=seen.shape,
        calls=seen.calls,
        levels=(seen.levels[0], seen.levels[-1]) if seen.levels else (None, None),
        nominal=seen.nominal,
        expected=seen.expected,
        realised=realised,
        stderr=stderr,
        unit=measured_unit(seen, evidence.probe) if on else "",
        scale=sum(evidence.probe.means) / evidence.probe.calls if evidence.probe and on else None,
        on=on,
        in_eval=evidence.in_eval,
    )
    statements = [
        *state_findings(evidence, setting),
        *mode_findings(evidence, setting),
        *schedule_findings(evidence, setting),
        *use_findings(evidence),
    ]
    if on:
        statements += [*rate_findings(evidence, layer), *mask_findings(seen, evidence.probe, evidence.eval_factor)]
    return layer, [Finding(grade, seen.name, message) for grade, message in statements]


def state_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield what is off, and what cannot be known."""
    seen, nominal = evidence.seen, evidence.seen.nominal
    if seen in setting.replaced:
        yield "note", f"it never ran in train mode; {setting.replaced[seen]} beside it drops at its probability"
    elif not seen.calls:
        if isinstance(seen, WatchedModule):
            yield "note" if evidence.full == 0 else "warning", "it never ran in train mode"
    elif evidence.on is None:
        yield "note", "inconclusive: its batches were empty or zero, or it cannot be called again"
    elif not evidence.on and nominal == 0:
        yield "note", "its probability is 0"
    elif not evidence.on:
        yield from off_findings(evidence)
    elif seen.realised is None and seen.opaque:
        yield "note", "inconclusive: it is on, but what it drops lies inside of it and cannot be counted"
    if seen.on_ones and evidence.on:
        yield "note", "its inputs were 0, so it was measured on ones"
    if evidence.drops_everything:
        yield "warning", "it drops everything"
    if seen.clamped:
        yield "warning", "its block is larger than the map, and clamped"
    if any(level is not None and isnan(level) for level in seen.levels):
        yield "error", "its probability is not a number"


def replaced_layers(layers: Sequence[Watched]) -> dict[Watched, str]:
    """Return layers that never ran -> a function that their module calls with their probability: fused attention.

    None of several that one call may stand for, as it is not known for which.
    """
    calls = [(each.path, each.levels[-1], each.kind) for each in layers if isinstance(each, WatchedCall) and each.calls]
    never = {
        each: (each.path.rpartition(".")[0], each.level())
        for each in layers
        if isinstance(each, WatchedModule) and not each.calls and each.level()
    }
    used = {each: [kind for path, level, kind in calls if (path, level) == place] for each, place in never.items()}
    claims = Counter(never.values())
    return {each: kinds[0] for each, kinds in used.items() if len(kinds) >= claims[never[each]]}


def off_findings(evidence: Evidence) -> Statements:
    """Yield the finding on a layer that is the identity in train mode, unless that may be chance."""
    seen, nominal, chance = evidence.seen, evidence.seen.nominal, evidence.chance
    at = f", at a nominal {as_percent(nominal)}" if nominal else ""
    layer = seen.layer if isinstance(seen, WatchedModule) else None
    if isinstance(layer, torch.nn.RNNBase) and layer.num_layers == 1:
        yield "error", f"it drops nothing{at}: it drops between its layers, and has one layer"
    elif nominal is None or isnan(nominal):
        yield "warning", "it is the identity in train mode"
    elif isinstance(seen, WatchedCall) or chance < ALARM:
        yield "error", f"it is the identity in train mode{at}"
    elif not seen.known and chance_of_no_drop(nominal, seen.seen) < ALARM:
        yield "warning", f"it dropped nothing{at}, but it may be one draw per batch; audit more batches"
    else:
        yield "note", f"inconclusive: it dropped nothing, as {as_percent(chance)} of audits do{at}; audit more batches"


def use_findings(evidence: Evidence) -> Statements:
    """Yield the finding on a result that is not used."""
    if evidence.on and evidence.unused:
        yield "error", "its result is ignored: the model's output does not depend on it"
    elif evidence.on and evidence.unused is None:
        yield "note", "inconclusive: whether its result is used"


def rate_findings(evidence: Evidence, layer: Layer) -> Statements:
    """Yield findings on how much is dropped."""
    seen, realised, expected, nominal = evidence.seen, layer.realised, layer.expected, layer.nominal
    own = isinstance(seen, WatchedOwn)
    if isinstance(seen, WatchedOwn) and seen.layer.counts != DROPPED:
        counted = seen.layer.counts
        yield "note", f"cells counted are those that were {counted}" if counted else "its law is not known here"
        if realised is not None and expected is not None and layer.stderr and strayed(realised, expected, layer.stderr):
            yield "error", f"it counts {as_percent(realised)}, its law says {as_percent(expected)}"
        return
    if not seen.known and not seen.opaque:
        yield "note", "its law is not known here"
    if evidence.sets_nothing_to_zero:
        yield from nothing_zeroed_findings(evidence)
    if realised is None or (seen.opaque and not own):
        return
    if expected is not None and layer.stderr:
        draws = expected * (1 - expected) / layer.stderr**2 if 0 < expected < 1 else 1.0
        if strayed(realised, expected, layer.stderr) and binomial_tail(realised, draws, expected) < ALARM:
            yield "error", f"it drops {as_percent(realised)}, its law says {as_percent(expected)}"
        elif nominal is not None and abs(expected - nominal) > 0.01 * nominal:
            grade = "note" if not rate_differs(expected, nominal) else "warning" if own else "error"
            yield grade, f"its law drops {as_percent(expected)}, at a nominal {as_percent(nominal)}"
    elif nominal is not None and 0 < nominal < 1:
        probed = evidence.probe.shares if evidence.probe and not evidence.probe.repeated else []
        at_last = seen.levels[-1]
        of_probe = rate_tail(probed, at_last) if probed and at_last is not None else 1.0
        if min(of_probe, rate_tail(seen.shares, nominal) if len(seen.shares) > 1 else 1.0) < ALARM:
            measured = sum(probed) / len(probed) if of_probe < ALARM else realised
            grade = "error" if rate_differs(measured, nominal) else "warning"
            yield grade, f"it drops {as_percent(measured)} at a nominal {as_percent(nominal)}"


def nothing_zeroed_findings(evidence: Evidence) -> Statements:
    """Yield the finding on a layer that changes its input, but sets nothing to 0."""
    chance = evidence.chance
    if evidence.seen.nominal and chance >= ALARM:
        yield "note", f"inconclusive: it dropped nothing, as {as_percent(chance)} of audits do; audit more batches"
    elif evidence.probe is not None and not evidence.probe.varied:
        yield "error", "it changes its input in train mode, but drops nothing and is not random"
    else:
        yield "note", "inconclusive: it sets nothing to 0, so that what it drops cannot be counted"


def rate_differs(rate: float, nominal: float) -> bool:
    """Predicate: a rate, or what it keeps, is far from the nominal one."""
    return max(rate, nominal) >= FACTOR * min(rate, nominal)
