"""The drop-rate check: the counted events, and the test of realised against expected fractions. Needs no torch."""

DROPPED = "dropped"
"""The event that a dropping site counts."""

MOVED = "moved by over 1 σ"
"""The event that a site of Gaussian noise counts; other sites have words of their own."""

STANDARD_ERRORS = 5
ROUNDING = 1e-6
"""Allowed beside the standard errors: levels are float32."""


def strayed(realised: float | None, expected: float, stderr: float) -> bool:
    """Predicate: the realised fraction is more than 5 standard errors from the expected one, or None."""
    return realised is None or abs(realised - expected) > STANDARD_ERRORS * stderr + ROUNDING
