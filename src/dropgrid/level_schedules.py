"""How the level of what is random grows or falls over a training: `schedule` of every regularizer."""

import math
from collections.abc import Callable
from functools import partial

Share = Callable[[float], float]
"""Progress of training, from 0 at the first step to 1 at the last -> share of the full level, in [0, 1]."""


def constant(progress: float) -> float:
    """The full level at every step."""
    return 1.0


def linear(progress: float) -> float:
    """From 0 at the first step to the full level at the last (Ghiasi et al., NeurIPS 2018, §3.1)."""
    return progress


def cosine(progress: float) -> float:
    """From 0 to the full level, as (1 - cos πp) / 2."""
    return (1 - math.cos(math.pi * progress)) / 2


def early(progress: float, at: float) -> float:
    """The full level before `at`, then 0 (early dropout; Liu et al., ICML 2023, §5)."""
    return float(progress < at)


def fade(progress: float, at: float) -> float:
    """From the full level at the first step to 0 at `at` (early dropout in its linear form)."""
    return max(0.0, 1 - progress / at)


def late(progress: float, at: float) -> float:
    """0 before `at`, then the full level (late dropout; Liu et al., ICML 2023, §5)."""
    return float(progress >= at)


def step(progress: float, levels: float) -> float:
    """In equal steps of equal length, of which the first is at 0 and the last at the full level."""
    return min(math.floor(progress * levels), levels - 1) / (levels - 1)


PLAIN: dict[str, Share] = {"constant": constant, "linear": linear, "cosine": cosine}
AT = {"early": early, "fade": fade, "late": late}
WORDS = "constant, linear, cosine, early:0.2, fade:0.2, late:0.2 or step:4"


def parse_schedule(text: str) -> Share:
    """Return the schedule that a text names: `linear`, `early:0.2` (a share of training), `step:4` (levels).

    Raises:
        ValueError: the text names none, or its number is none in (0, 1), or of levels, 2 or more.
    """
    name, colon, number = str(text).partition(":")
    if name in PLAIN and not colon:
        return PLAIN[name]
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if name in AT and 0 < value < 1:
        return partial(AT[name], at=value)
    if name == "step" and value >= 2 and value == int(value):
        return partial(step, levels=value)
    raise ValueError(f"schedule must be {WORDS}, got {text!r}")
