"""The learning rate by step."""

import numpy as np

from dropgrid.lr_schedules.following import reads_validation
from dropgrid.measure.trained_cell import Measure, MeasureResult
from dropgrid.measure.training_setup import TrainingSetup


def lr(setup: TrainingSetup) -> MeasureResult:
    """lr · factor(step, steps) of each optimizer step, without training.

    Arrays: `rates` (steps,).

    Raises:
        ValueError: the schedule follows the validation metric, so its rates are known only after training.
    """
    if reads_validation(setup.schedule):
        option = getattr(setup.schedule, "func", setup.schedule).__name__
        raise ValueError(
            f"lr_schedule={option} follows the validation metric, so only training tells its rates: "
            f"they are in metrics.csv of a run"
        )
    rates = np.array([setup.lr * setup.schedule(step, setup.steps) for step in range(setup.steps)])
    measures = {
        "steps": Measure(float(setup.steps), "Steps", ""),
        "first": Measure(float(rates[0]), "Rate, first step", ""),
        "highest": Measure(float(rates.max()), "Rate, highest", ""),
        "at": Measure(float(rates.argmax()), "Step of the highest rate", ""),
        "mean": Measure(float(rates.mean()), "Rate, mean", ""),
        "last": Measure(float(rates[-1]), "Rate, last step", ""),
    }
    return MeasureResult(measures, {"rates": rates})
