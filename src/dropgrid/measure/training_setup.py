"""The argument of a diagnostic of the learning rate: a training before its first step.

An option is a function `(setup, **arguments) -> MeasureResult(measures, arrays)`. Its YAML has no `images`, `steps` and
`every`, because it measures no network at a step.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dropgrid.data.batches import batch_limit

Schedule = Callable[..., float]
"""(step, steps) -> the factor on the optimizer's learning rate."""

Watch = Callable[[int, float], bool]
"""(step, loss of its batch before it) -> whether to stop."""


@dataclass(frozen=True)
class TrainingSetup:
    """A configuration's training before its first step.

    Args:
        lr: the optimizer's learning rate before any schedule.
        schedule: the configuration's schedule.
        steps: the steps of the whole training.
        train: (schedule, steps, watch): trains from the initial weights as configured, but with this schedule and for
            `steps` steps, even if the configured training is shorter, or until `watch` returns True. The weights are
            discarded.
    """

    lr: float
    schedule: Schedule
    steps: int
    train: Callable[[Schedule, int, Watch], None]


def optimizer_steps(images: int, batch_size: int, limit: int | float, micro: int, epochs: int) -> int:
    """Return the optimizer steps of `epochs`: full batches, `limit` of them (count or fraction), `micro` per step."""
    return -(-batch_limit(limit, images // batch_size) // micro) * epochs
