"""Which seeds a sweep trains: those named, a count, or `auto`."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropgrid import checks
from dropgrid.errors import UserError

AUTO = "auto"

MOST = 10_000


def sweep_seeds(typed: Sequence[str], sweep: Mapping[str, Any], alone: int) -> list[int]:
    """Return the command line's seeds, else the sweep's (`auto`: of its first interim analysis), else the config's one.

    Raises:
        UserError: what is no whole number, or one named twice.
    """
    given: Any = typed or sweep["seeds"]
    if given == AUTO:
        given = interim_counts(sweep)[0]
    if given is None:
        given = [alone]
    if checks.is_whole_number(given) and given > 0:
        if given > MOST:
            raise UserError(f"sweep.seeds={given} is more than {MOST:,}")
        given = range(given)
    try:
        found = [int(str(each)) for each in given]
    except (TypeError, ValueError):
        raise UserError(
            f"seeds are whole numbers (seed=0,1,2 or sweep.seeds=5) or sweep.seeds=auto, got {given!r}"
        ) from None
    if len(set(found)) < len(found):
        raise UserError(f"a seed is named twice: {found}")
    return found


def interim_counts(sweep: Mapping[str, Any]) -> list[int]:
    """Return the number of seeds of each interim analysis: `sweep.looks`, rising, 2 or more; UserError otherwise."""
    given = sweep["looks"]
    integers = isinstance(given, list) and all(map(checks.is_whole_number, given))
    if not integers or not given or given != sorted(set(given)) or given[0] < 2:
        raise UserError(f"sweep.looks must be counts of seeds that rise from 2 or more, as in [3,5,8], got {given!r}")
    return list(given)


def difference_to_detect(sweep: Mapping[str, Any]) -> float:
    """Return `sweep.detect`, in points."""
    return float(checks.number("sweep.detect", sweep["detect"], above=0, what="a number of points", error=UserError))
