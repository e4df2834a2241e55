"""Checks of the modes: eval mode, and the modes in which the network was handed over."""

from dropgrid.audits.evidence import Evidence, Setting
from dropgrid.audits.hooks import WatchedCall, WatchedOwn
from dropgrid.audits.mask_checks import Statements


def mode_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield findings on eval mode, and on the modes in which the network was handed over."""
    seen = evidence.seen
    if evidence.in_eval == "random" and isinstance(seen, WatchedOwn) and seen.layer.inference:
        yield "warning", "it is random in eval mode, as it is configured (inference=True)"
    elif evidence.in_eval == "random":
        yield "error", "it is random in eval mode"
    elif seen.evals_changed and evidence.in_eval is None:
        yield "note", "inconclusive: it changes its input in eval mode, but cannot be called again"
    if evidence.on:
        yield from handover_findings(evidence, setting)


def handover_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield the finding on a layer that is on, in the modes in which the network was handed over."""
    seen = evidence.seen
    if setting.training and is_off_as_given(evidence):
        where = "the model was handed over in train mode with this part in eval mode, where it drops nothing"
        yield ("note", f"{where}; the part is frozen") if evidence.frozen else ("error", where)
    off_in_eval = evidence.in_eval == "identity" or (isinstance(seen, WatchedCall) and not seen.evals)
    if not setting.training and evidence.mode and off_in_eval and False in seen.given:
        yield "error", "the model was handed over in eval mode with this part in train mode, where it drops"


def is_off_as_given(evidence: Evidence) -> bool:
    """Predicate: in the modes as given, a layer dropped nothing, because its part was in eval mode."""
    seen = evidence.seen
    if not seen.given:  # the module asks for its mode before it calls the layer, or passes a probability of 0
        return evidence.held
    blind = seen.opaque and not isinstance(seen, WatchedCall)
    return not evidence.mode and (blind or all(seen.given))
