"""The learning-rate range test."""

import math
from collections.abc import Sequence

import numpy as np

from dropgrid import checks
from dropgrid.measure.trained_cell import Measure, MeasureResult, finite_measures
from dropgrid.measure.training_setup import TrainingSetup


def lr_find(
    setup: TrainingSetup, *, low: float, high: float, points: int, smooth: float, explode: float
) -> MeasureResult:
    """The loss of a training from the initial weights whose rate rises as low · (high / low)^(i / (points - 1)).

    i = 0 … points - 1 is the step. The loss at a rate is that of the batch before the step at this rate; batches,
    augmentation and regularizers are as configured. A smoothed loss is a weighted mean, in which a step's weight is
    `smooth` to the power of its distance. The steepest point is where the smoothed loss falls fastest per log rate,
    among the rates up to its minimum. The test diverges, and ends, if the loss is not finite, or if its weighted mean
    over the steps so far exceeds `explode` times the lowest value of this mean.

    Args:
        points: number of steps.
        smooth: a number in [0, 1).

    Arrays: `rates`, `loss`, `smoothed` (steps taken,), and `steepest`, `lowest`, `diverges` () as rates, nan if there
    is none.

    Raises:
        ValueError: low is not above 0 or not below high, points is below 10, smooth is outside [0, 1), or explode is
            not above 1.

    Source: Smith, "Cyclical learning rates", WACV 2017, §3.3. Differs from the paper: the rate rises exponentially, not
    linearly; the test reads the training loss, not the validation accuracy.
    """
    checks.number("high", high, above=0)
    checks.number("low", low, above=0, below=high)
    checks.whole_number("points", points, 10)
    if smooth != 0:
        checks.number("smooth", smooth, above=0, below=1)
    checks.number("explode", explode, above=1)
    rates = low * (high / low) ** (np.arange(points) / (points - 1))
    losses: list[float] = []
    means: list[float] = []

    def exploded() -> bool:
        return not math.isfinite(means[-1]) or means[-1] > explode * np.nanmin(means)

    def watch(_: int, loss: float) -> bool:
        losses.append(loss)
        means.append(smooth_last(losses, smooth))
        return exploded() or len(losses) == points

    setup.train(lambda step, _: float(rates[min(step, points - 1)]) / setup.lr, points, watch)
    loss, rates, ended = np.array(losses), rates[: len(losses)], exploded()
    smoothed = smooth_all(loss, smooth)
    lowest = int(np.nanargmin(smoothed)) if np.isfinite(smoothed).any() else 0
    slope = np.gradient(smoothed[: lowest + 1], np.log(rates[: lowest + 1])) if lowest > 0 else np.array([math.nan])
    falls = bool((slope < 0).any())
    arrays = {
        "steepest": float(rates[int(np.nanargmin(slope))]) if falls else math.nan,
        "lowest": float(rates[lowest]),
        "diverges": float(rates[-1]) if ended else math.nan,
    }
    measures = {
        "steepest": Measure(arrays["steepest"], "Rate, loss falls fastest", ""),
        "lowest": Measure(arrays["lowest"], "Rate, loss lowest", ""),
        "diverges": Measure(arrays["diverges"], "Rate, diverges", ""),
        "start": Measure(float(loss[0]), "Loss, first step", "nats"),
        "loss": Measure(float(smoothed[lowest]), "Loss, lowest", "nats"),
        "tried": Measure(float(rates[-1]), "Rate, last one tried", ""),
    }
    found = {"rates": rates, "loss": loss, "smoothed": smoothed}
    return MeasureResult(
        finite_measures(measures), {**found, **{key: np.array(value) for key, value in arrays.items()}}
    )


def smooth_last(values: Sequence[float], smooth: float) -> float:
    """Return the weighted mean of the last value and those before it."""
    weights = smooth ** np.arange(len(values))[::-1]
    return float(weights @ np.array(values) / weights.sum())


def smooth_all(values: np.ndarray, smooth: float) -> np.ndarray:
    """Return each value's weighted mean with those on both sides, without lag; skip values that are not finite."""
    distance = np.abs(np.subtract.outer(np.arange(len(values)), np.arange(len(values))))
    weights = smooth**distance * np.isfinite(values)
    known = np.where(np.isfinite(values), values, 0.0)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = np.where(np.isfinite(values), weights @ known / weights.sum(1), np.nan)
    return means
