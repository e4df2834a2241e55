"""Checks of a schedule: its direction and its pace."""

from collections.abc import Sequence

from dropgrid.audits.evidence import Evidence, Setting
from dropgrid.audits.hooks import WatchedOwn
from dropgrid.audits.mask_checks import Statements
from dropgrid.sites import AbstractRandom
from dropgrid.treatment import as_percent

FEWEST = 4
"""Of fewer batches, a schedule of any pace may change between two alone."""


def schedule_findings(evidence: Evidence, setting: Setting) -> Statements:
    """Yield findings on a schedule's direction and pace."""
    seen = evidence.seen
    known = [level for level in seen.levels if level is not None]
    own = seen.layer if isinstance(seen, WatchedOwn) else None
    if not setting.advanced:
        if own is not None and own.schedule != "constant":
            yield "note", f"its schedule ({own.schedule}) was not advanced"
        return
    if not known or len(known) < len(seen.levels):
        return
    first, last, full = known[0], known[-1], max(known)
    told = f"from {as_percent(first)} to {as_percent(last)} over the schedule"
    if own is not None:
        yield from own_schedule_findings(own, known, seen.times)
    elif min(known) == full:
        if full and evidence.on:
            grade = "warning" if seen.kind in setting.moved else "note" if setting.moved else "error"
            yield grade, f"its probability stays {as_percent(first)}, although a schedule was advanced"
    elif last < first:
        yield "warning", f"its probability falls {told}: schedules of dropping rise, unless this is early dropout"
    elif last < max(0.01, evidence.full or 0.0) / 2:
        yield "warning", f"its probability rises only {told}: too slowly, or in other units of progress"
    elif last == full and setting.advanced >= FEWEST and jumps(known, seen.times, setting.advanced):
        yield "note", f"its probability rises {told}, all of it between two batches"


def own_schedule_findings(layer: AbstractRandom, levels: Sequence[float], times: Sequence[float]) -> Statements:
    """Yield the finding on a layer of dropgrid's that departs from its own schedule, at its ends or between them."""
    wanted = [layer.level_at(progress) for progress in times]
    far = [abs(level - want) > 1e-4 + 1e-3 * want for level, want in zip(levels, wanted, strict=True)]
    own = f"its own schedule ({layer.schedule})"
    if far[0] or far[-1]:
        is_ = f"its probability goes from {as_percent(levels[0])} to {as_percent(levels[-1])} over the schedule"
        yield "error", f"{is_}; {own} goes from {as_percent(wanted[0])} to {as_percent(wanted[-1])}"
    elif any(far):
        call = max(range(len(far)), key=lambda each: abs(levels[each] - wanted[each]))
        is_ = f"its probability is {as_percent(levels[call])} at a progress of {times[call]:.2f}"
        yield "error", f"{is_}; {own} gives {as_percent(wanted[call])}"


def jumps(levels: Sequence[float], times: Sequence[float], batches: int) -> bool:
    """Predicate: levels change between the first two batches alone, or between the last two."""
    half = 0.5 / (batches - 1)
    later = {level for level, time in zip(levels, times, strict=True) if time > half}
    earlier = {level for level, time in zip(levels, times, strict=True) if time < 1 - half}
    return len(later) == 1 or len(earlier) == 1
