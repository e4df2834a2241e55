"""A training that is a function of one's own: (config, seed, folder) -> {name: number}."""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.instantiate import OWN_KEYS, import_path, locate
from dropgrid.tasks.own_training import AbstractOwnTraining

GIVEN = ("config", "seed", "folder")


class Function(AbstractOwnTraining):
    """Call a function for each cell.

    Args (the others as of `AbstractOwnTraining`):
        function: `_target_`, the import path of the function, which the file of DROPGRID_TARGETS lists; its other keys
            are the config that it is called with, a plain dict.
    """

    def __init__(
        self,
        *,
        function: Mapping[str, Any],
        metric: str,
        unit: str,
        lower_is_better: bool,
        chosen_by: str | None,
    ):
        super().__init__(metric=metric, unit=unit, lower_is_better=lower_is_better, chosen_by=chosen_by)
        if not isinstance(function, Mapping):
            raise ValueError(f"task.function must be a mapping with _target_, got {function!r}")
        self.node = function

    @property
    def config(self) -> dict[str, Any]:
        """What the function is called with."""
        return {key: value for key, value in self.node.items() if key not in OWN_KEYS}

    @cached_property
    def call(self) -> Callable[[dict[str, Any], int, Path], Any]:
        """The function; UserError if it may not be called or is not found."""
        found: Callable[..., Any] = locate("task.function", import_path("task.function", self.node))
        return found

    def check(self) -> None:
        try:
            inspect.signature(self.call).bind(*GIVEN)
        except TypeError as error:
            name = import_path("task.function", self.node)
            raise UserError(f"task.function: {name} is called as fn(config, seed, folder): {error}") from error

    def train(self, seed: int, folder: Path) -> dict[str, float]:
        """Return the numbers that the function gives; `folder` is the cell's own."""
        return self.named(self.call(self.config, seed, folder))
