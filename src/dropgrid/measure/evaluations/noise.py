"""The headline against the level of Gaussian noise."""

from collections.abc import Sequence

from dropgrid.measure.evaluations.corruption import corruption
from dropgrid.measure.subject import Measure, Subject, listed


def noise(subject: Subject, *, sigmas: Sequence[float], seed: int) -> dict[str, Measure]:
    """`corruption` by Gaussian noise alone: x + σ ε on images x in [0, 1], at each standard deviation σ."""
    levels = {"gaussian_noise": listed("sigmas", sigmas)}
    found = corruption(subject, kinds=["gaussian_noise"], levels=levels, seed=seed)
    return {name: each for name, each in found.items() if name != "mean"}
