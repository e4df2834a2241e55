"""What a site counts, and when it did not do what it should have; without torch, as reports read what runs wrote."""

DROPPED = "dropped"
"""What a site counts that drops."""

MOVED = "moved by over 1 σ"
"""What a site of Gaussian noise counts; others say in words of their own what they count."""

STANDARD_ERRORS = 5
ROUNDING = 1e-6
"""Rates travel through float32."""


def strayed(realised: float | None, expected: float, stderr: float) -> bool:
    """Whether a realised fraction is more than 5 standard errors from the expected one, or there is none."""
    return realised is None or abs(realised - expected) > STANDARD_ERRORS * stderr + ROUNDING
