"""The headline metric under Gaussian noise, by level."""

from collections.abc import Sequence

from dropgrid.measure.evaluations.corruption import corruption
from dropgrid.measure.trained_cell import Measure, TrainedCell, require_list


def noise(cell: TrainedCell, *, sigmas: Sequence[float], seed: int) -> dict[str, Measure]:
    """The headline metric on x + σ ε, for images x in [0, 1], at each standard deviation σ; as `corruption` does it."""
    levels = {"gaussian_noise": require_list("sigmas", sigmas)}
    found = corruption(cell, kinds=["gaussian_noise"], levels=levels, seed=seed)
    return {name: each for name, each in found.items() if name != "mean"}
