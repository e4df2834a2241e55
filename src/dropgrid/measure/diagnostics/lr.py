"""The learning rate by step."""

import numpy as np

from dropgrid.lr_schedules.following import reads_validation
from dropgrid.measure.subject import Found, Measure
from dropgrid.measure.training_setup import Course


def lr(course: Course) -> Found:
    """lr · factor(step, steps) of each optimizer step of the training, of which nothing is run.

    Arrays: `rates` (steps,).

    Raises:
        ValueError: a schedule that follows the validation metric: its rates are known once it has trained.
    """
    if reads_validation(course.schedule):
        option = getattr(course.schedule, "func", course.schedule).__name__
        raise ValueError(
            f"lr_schedule={option} follows the validation metric, so only training tells its rates: "
            f"they are in metrics.csv of a run"
        )
    rates = np.array([course.lr * course.schedule(step, course.steps) for step in range(course.steps)])
    told = {
        "steps": Measure(float(course.steps), "Steps", ""),
        "first": Measure(float(rates[0]), "Rate, first step", ""),
        "highest": Measure(float(rates.max()), "Rate, highest", ""),
        "at": Measure(float(rates.argmax()), "Step of the highest rate", ""),
        "mean": Measure(float(rates.mean()), "Rate, mean", ""),
        "last": Measure(float(rates[-1]), "Rate, last step", ""),
    }
    return Found(told, {"rates": rates})
