"""What is measured of a path: numbers that the statements compare."""

import numpy as np

from optimizer_paths.walk import Walk


def distances(walk: Walk, to: tuple[float, float]) -> np.ndarray:
    """From each point of the path to another point."""
    found: np.ndarray = np.linalg.norm(walk.points - np.asarray(to), axis=1)
    return found


def detour(walk: Walk, to: tuple[float, float]) -> float:
    """The path's length up to its nearest point to `to`, over how much nearer that is than the start: 1 is straight.

    inf where the path never comes nearer than it began.
    """
    apart = distances(walk, to)
    nearest = int(apart.argmin())
    gained = float(apart[0] - apart[nearest])
    length = float(np.linalg.norm(np.diff(walk.points[: nearest + 1], axis=0), axis=1).sum())
    return length / gained if gained > 0 else np.inf


def rebounds(walk: Walk, to: tuple[float, float]) -> np.ndarray:
    """At each step, how much farther from `to` the path is than it was at its nearest before, over where it began."""
    apart = distances(walk, to)
    found: np.ndarray = (apart - np.minimum.accumulate(apart)) / apart[0]
    return found


def overshoot(walk: Walk, to: tuple[float, float]) -> float:
    """The largest rebound: 0 for a path that only comes nearer, 1 for one that goes as far away again as it began."""
    return float(rebounds(walk, to).max())


def corrected(walk: Walk, to: tuple[float, float], share: float) -> int | None:
    """The first step from which no rebound is above `share` any more; None for a path that ends in one."""
    over = np.flatnonzero(rebounds(walk, to) > share)
    if not len(over):
        return 0
    return int(over[-1]) + 1 if over[-1] < walk.steps else None


def left(walk: Walk, beyond: float) -> int | None:
    """The first step with |y| above `beyond`; None where there is none."""
    away = np.flatnonzero(np.abs(walk.points[:, 1]) > beyond)
    return int(away[0]) if len(away) else None


def grown(walk: Walk, steps: int) -> float:
    """|y| after so many steps, or at the last before, over |y| at the start."""
    up = np.abs(walk.points[: steps + 1, 1])
    return float(up[-1] / up[0]) if up[0] > 0 else np.nan


def oscillation(walk: Walk) -> float:
    """How far the path moved across the ravine until it arrived, Σ |yₜ₊₁ - yₜ|, over |y| at the start.

    1 for a path that comes down to y = 0 and stays.
    """
    up = walk.travelled[:, 1]
    return float(np.abs(np.diff(up)).sum() / abs(up[0])) if up[0] else np.nan
