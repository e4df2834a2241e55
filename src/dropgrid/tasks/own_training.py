"""A training that is not ours: what a cell needs to know of it.

A task of this kind names code of the user's own, which trains by itself. Of a run's config it reads `task`, `seed` and
some keys of `trainer`; the other axes are no part of such a cell.
"""

from abc import ABC, abstractmethod
from typing import Any

from dropgrid import checks
from dropgrid.errors import shortened
from dropgrid.tasks.description import TaskDescription


class AbstractOwnTraining(ABC):
    """Names the headline among the numbers that a training gives.

    Args:
        metric: the headline, one of these numbers.
        unit: of the headline; `%` for a value in [0, 1], else as it is shown.
        lower_is_better: whether less of it is better.
        chosen_by: a number of validation by which `sweep.tune` chooses settings, in the direction of the headline.
    """

    def __init__(self, *, metric: str, unit: str, lower_is_better: bool, chosen_by: str | None):
        for key, value in (("metric", metric), ("unit", unit), ("chosen_by", chosen_by)):
            if not isinstance(value, str) and not (key == "chosen_by" and value is None):
                raise ValueError(f"task.{key} must be a text, got {value!r}")
        checks.boolean("task.lower_is_better", lower_is_better)
        self.metric, self.chosen_by = metric, chosen_by
        self.description = TaskDescription(
            headlines={name: name for name in (metric, chosen_by) if name},
            quantity=metric,
            unit=unit,
            selected=chosen_by or metric,
            shown={},
            lower_is_better=lower_is_better,
            chosen_by=chosen_by or "",
        )

    @abstractmethod
    def check(self) -> None:
        """Raise UserError for what would not train; nothing is trained."""

    def named(self, numbers: Any) -> dict[str, float]:
        """Return a training's numbers as floats.

        Raises:
            ValueError: they are no mapping of names to numbers, or the headline is not among them.
        """
        if not hasattr(numbers, "items"):
            raise ValueError(f"a training gives a mapping of names to numbers, got {type(numbers).__name__}")
        found = {}
        for name, value in numbers.items():
            if str(name) in found:
                raise ValueError(f"two of its numbers are named {name}")
            try:
                found[str(name)] = float(value)
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                raise ValueError(f"{name} must be a number, got {shortened(repr(value))}") from error
        for key, name in (("metric", self.metric), ("chosen_by", self.chosen_by)):
            if name and name not in found:
                raise ValueError(f"task.{key}={name} is none of its numbers: {', '.join(found) or 'there are none'}")
        return found
