"""What sites drop: the counted events, the test of realised against expected fractions, the dose. Needs no torch."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

DROPPED = "dropped"
"""The event that a dropping site counts."""

MOVED = "moved by over 1 σ"
"""The event that a site of Gaussian noise counts; other sites have words of their own."""

STANDARD_ERRORS = 5
ROUNDING = 1e-6
"""Allowed beside the standard errors: levels are float32."""

UNEQUAL = 1.5
"""Doses of compared rows further apart than this factor get a note under the table."""


def strayed(realised: float | None, expected: float, stderr: float) -> bool:
    """Predicate: the realised fraction is more than 5 standard errors from the expected one, or None."""
    return realised is None or abs(realised - expected) > STANDARD_ERRORS * stderr + ROUNDING


def as_percent(fraction: float | None) -> str:
    """Return a fraction as `9.31 %`; `nothing` if there is none."""
    return "nothing" if fraction is None else f"{100 * fraction:.2f} %"


def counted_event(site: Mapping[str, Any]) -> str:
    """Return the event that an entry of the treatment counts; entries of old results do not name it."""
    return site.get("counts") or DROPPED


def dose(sites: Iterable[Mapping[str, Any]], part: str) -> float | None:
    """Return the dose of a network: Σ n·f / Σ n over its acting sites, None if there is none.

    A site acts if it drops and its expected fraction is above 0. f is its fraction dropped, averaged over the steps of
    training; n the number of elements of its map, C·H·W for one example (of a weight: of its entries).

    Args:
        sites: lines as in `result.json`.
        part: `expected` or `realised`, which is f; `nominal` is the same mean of the levels.
    """
    acting = [each for each in sites if counted_event(each) == DROPPED and each["expected"] > 0]
    weighted = [(math.prod(each.get("shape") or ()), each[part]) for each in acting if each.get(part) is not None]
    elements = sum(n for n, _ in weighted)
    return math.fsum(n * fraction for n, fraction in weighted) / elements if elements else None
