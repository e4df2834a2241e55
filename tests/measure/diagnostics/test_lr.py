"""The rates of a schedule, without a training."""

from functools import partial

import numpy as np
import pytest

from dropgrid.lr_schedules.plateau import plateau
from dropgrid.lr_schedules.step import step
from dropgrid.measure.diagnostics.lr import lr
from dropgrid.measure.training_setup import TrainingSetup, optimizer_steps


def never(*_):
    raise AssertionError("nothing is trained")


def test_it_is_the_factor_of_each_step_times_the_rate():
    schedule = partial(step, milestones=[0.5], gamma=0.1, warmup=0.1)
    found, arrays = lr(TrainingSetup(0.2, schedule, 20, never))
    assert arrays["rates"] == pytest.approx(np.array([0.1, *[0.2] * 9, *[0.02] * 10]))
    told = {key: each.value for key, each in found.items()}
    assert told["steps"] == 20 and told["at"] == 1
    assert [told[key] for key in ("first", "highest", "last")] == pytest.approx([0.1, 0.2, 0.02])
    assert told["mean"] == pytest.approx(np.mean([0.1, *[0.2] * 9, *[0.02] * 10]))


def test_a_schedule_that_follows_the_validation_is_refused():
    with pytest.raises(ValueError, match="lr_schedule=plateau follows the validation metric, so only training"):
        lr(TrainingSetup(0.2, partial(plateau, warmup=0.0), 20, never))


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ((64, 16, 1.0, 1, 2), 8),
        ((70, 16, 1.0, 1, 2), 8),
        ((70, 16, 1.0, 3, 2), 4),
        ((160, 16, 0.5, 1, 1), 5),
        ((160, 16, 0.05, 1, 2), 2),  # a share below one batch is one
        ((160, 16, 3, 1, 4), 12),
        ((160, 16, 30, 1, 1), 10),
    ],
)
def test_steps_of_a_training(arguments, steps):
    assert optimizer_steps(*arguments) == steps
