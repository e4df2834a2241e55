"""What a diagnostic of the learning rate is given: a training before its first step.

An option is a function `(course, **arguments) -> Found(measures, arrays)`. Its YAML has no `images`, `steps` and
`every`: it looks at no network, and at no moment of training.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dropgrid.data.batches import batch_limit

Schedule = Callable[..., float]
"""(step, steps) -> factor on the optimizer's learning rate."""

Watch = Callable[[int, float], bool]
"""(step, loss of its batch before it) -> whether enough was seen."""


@dataclass(frozen=True)
class Course:
    """A configuration's training, none of which has happened.

    Args:
        lr: the optimizer's learning rate before any schedule.
        schedule: the configuration's own.
        steps: of the whole training.
        train: (schedule, steps, watch): trains from the initial weights as the configuration does, but at the rates of
            that schedule, and for `steps` even if its own training is shorter, until `watch` has seen enough; what
            was trained is discarded.
    """

    lr: float
    schedule: Schedule
    steps: int
    train: Callable[[Schedule, int, Watch], None]


def optimizer_steps(images: int, batch_size: int, limit: int | float, micro: int, epochs: int) -> int:
    """Return the optimizer steps of `epochs`: full batches, `limit` of them (count or fraction), `micro` per step."""
    return -(-batch_limit(limit, images // batch_size) // micro) * epochs
