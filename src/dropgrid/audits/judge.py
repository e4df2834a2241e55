"""A layer's row and graded findings, from what it did: modes, rates, schedule and use of its result."""

from dataclasses import dataclass
from math import isnan

import torch

from dropgrid.audits.hooks import WatchedCall, WatchedModule, WatchedOwn
from dropgrid.audits.mask_checks import Statements, mask_findings, measured_unit
from dropgrid.audits.probe import Probe
from dropgrid.audits.result import Finding, Layer
from dropgrid.audits.tails import ALARM, binomial_tail, chance_of_no_drop, rate_tail
from dropgrid.audits.watch import Watched
from dropgrid.treatment import DROPPED, as_percent, strayed

FACTOR = 1.5
"""A rate this many times its nominal one, or more, is an error; nearer, it may be meant (blocks overlap): a warning."""


@dataclass(frozen=True)
class Evidence:
    """All that was observed of a layer.

    Attributes:
        probe: calls on ones in train mode; None if it could not be called.
        varies: repeated calls in train mode differ; None if inconclusive, or not tried as cells were counted.
        called_in_eval: what repeated calls in eval mode do, as `eval_probe` returns it; None if inconclusive.
        eval_factor: the mean factor on ones in eval mode.
        full: its level as it was handed over.
        frozen: as it was handed over, a part in eval mode holds it, whose parameters are not trained.
        unused: the network's output does not depend on its result; None if inconclusive.
    """

    seen: Watched
    probe: Probe | None = None
    varies: bool | None = None
    called_in_eval: str | None = None
    eval_factor: float = 1.0
    full: float | None = None
    frozen: bool = False
    unused: bool | None = False

    @property
    def on(self) -> bool | None:
        """Whether the layer changes its input in train mode; None if inconclusive."""
        seen = self.seen
        if not seen.calls:
            return False
        if isinstance(seen, WatchedCall):
            return seen.identities < seen.informative
        if seen.opaque and not isinstance(seen, WatchedOwn):
            return self.varies
        probed = self.probe is not None and (
            self.probe.changed if not isinstance(seen, WatchedOwn) else self.probe.share > 0
        )
        if seen.identities < seen.informative or probed:
            return True
        return False if seen.informative else None

    @property
    def in_eval(self) -> str | None:
        """What the layer does in eval mode: `identity`, `fixed` or `random`."""
        seen = self.seen
        if isinstance(seen, WatchedCall | WatchedOwn):
            return "random" if seen.evals_changed else "identity" if seen.evals else None
        if seen.evals_changed and self.called_in_eval:
            return self.called_in_eval if self.called_in_eval == "random" else "fixed"
        if seen.evals_changed:
            return None
        return "identity" if seen.evals and self.called_in_eval != "random" else self.called_in_eval

    @property
    def sets_nothing_to_zero(self) -> bool:
        """Predicate: the layer changes its input, but neither real batches nor ones have zeros behind it."""
        seen, probe = self.seen, self.probe
        own = isinstance(seen, WatchedOwn)
        return not own and self.on is True and seen.realised == 0 and (probe is None or probe.share == 0)

    @property
    def certainly_off(self) -> bool:
        """Predicate: the layer never drops in train mode, and that it did not is not chance."""
        return self.on is False and (not self.seen.calls or self.seen.nominal == 0 or self.chance < ALARM)

    @property
    def chance(self) -> float:
        """The probability that a layer at its nominal rate drops nothing, in the batches and on ones."""
        seen, rate = self.seen, self.seen.expected if self.seen.expected is not None else self.seen.nominal
        if rate is None or not 0 < rate <= 1 or (isinstance(seen, WatchedOwn) and not seen.seen):
            return 0.0
        calls = seen.calls + (self.probe.calls if self.probe is not None and not seen.on_ones else 0)
        stderr = seen.stderr(rate) if seen.known and seen.seen else None
        draws = rate * (1 - rate) / stderr**2 * calls / seen.calls if stderr else calls
        return chance_of_no_drop(rate, draws)


@dataclass(frozen=True)
class Setting:
    """How the network was run.

    Attributes:
        training: it was handed over in train mode.
        ends: the progress of the schedule at the first and the last batch; None if none was advanced.
        moved: the classes of the layers whose level moved.
    """

    training: bool
    ends: tuple[float, float] | None
    moved: frozenset[str]


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
        *state_findings(evidence),
        *mode_findings(evidence, setting),
        *schedule_findings(evidence, setting),
        *use_findings(evidence),
    ]
    if on:
        statements += [*rate_findings(evidence, layer), *mask_findings(seen, evidence.probe, evidence.eval_factor)]
    return layer, [Finding(grade, seen.name, message) for grade, message in statements]


def state_findings(evidence: Evidence) -> Statements:
    """Yield what is off, and what cannot be known."""
    seen, nominal = evidence.seen, evidence.seen.nominal
    if not seen.calls:
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
    if seen.clamped:
        yield "warning", "its block is larger than the map, and clamped"
    if any(level is not None and isnan(level) for level in seen.levels):
        yield "error", "its probability is not a number"


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


def mode_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield findings on eval mode, and on the modes in which the network was handed over."""
    seen = evidence.seen
    if evidence.in_eval == "random" and isinstance(seen, WatchedOwn) and seen.layer.inference:
        yield "warning", "it is random in eval mode, as it is configured (inference=True)"
    elif evidence.in_eval == "random":
        yield "error", "it is random in eval mode"
    elif seen.evals_changed and evidence.in_eval is None:
        yield "note", "inconclusive: it changes its input in eval mode, but cannot be called again"
    if not seen.given or not evidence.on:
        return
    mode = seen.mode if isinstance(seen, WatchedModule | WatchedCall) else True
    quiet = all(seen.given) if not seen.opaque or isinstance(seen, WatchedCall) else True
    if setting.training and not mode and quiet:
        where = "the model was handed over in train mode with this part in eval mode, where it drops nothing"
        yield ("note", f"{where}; the part is frozen") if evidence.frozen else ("error", where)
    if not setting.training and mode and evidence.in_eval == "identity" and False in seen.given:
        yield "error", "the model was handed over in eval mode with this part in train mode, where it drops"


def schedule_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield findings on a schedule's direction and pace."""
    seen = evidence.seen
    known = [level for level in seen.levels if level is not None]
    own = seen.layer if isinstance(seen, WatchedOwn) else None
    if setting.ends is None:
        if own is not None and own.schedule != "constant":
            yield "note", f"its schedule ({own.schedule}) was not advanced"
        return
    if not known or len(known) < len(seen.levels):
        return
    first, last, full = known[0], known[-1], max(known)
    told = f"from {as_percent(first)} to {as_percent(last)} over the schedule"
    if own is not None:
        wanted = [own.level_at(progress) for progress in setting.ends]
        if any(abs(level - want) > 1e-4 + 1e-3 * want for level, want in zip((first, last), wanted, strict=True)):
            is_, should = f"its probability goes {told}", f"from {as_percent(wanted[0])} to {as_percent(wanted[1])}"
            yield "error", f"{is_}; its own schedule ({own.schedule}) goes {should}"
    elif min(known) == full:
        if full and evidence.on:
            grade = "warning" if seen.kind in setting.moved else "note" if setting.moved else "error"
            yield grade, f"its probability stays {as_percent(first)}, although a schedule was advanced"
    elif last < first:
        yield "warning", f"its probability falls {told}: schedules of dropping rise, unless this is early dropout"
    elif last < max(0.01, evidence.full or 0.0) / 2:
        yield "warning", f"its probability rises only {told}: too slowly, or in other units of progress"


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
