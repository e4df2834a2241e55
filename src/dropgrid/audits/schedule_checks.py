"""Checks of a schedule: its direction and its pace."""

from dropgrid.audits.evidence import Evidence, Setting
from dropgrid.audits.hooks import WatchedOwn
from dropgrid.audits.mask_checks import Statements
from dropgrid.treatment import as_percent


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
