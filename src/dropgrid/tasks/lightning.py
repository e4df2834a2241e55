"""A training that is a LightningModule of one's own, with its data."""

import inspect
from collections.abc import Mapping
from typing import Any

from dropgrid.errors import UserError
from dropgrid.instantiate import OWN_KEYS, import_path, instantiate_nested, locate
from dropgrid.tasks.own_training import AbstractOwnTraining


class Lightning(AbstractOwnTraining):
    """Fit a LightningModule by Lightning's Trainer, then test it if it has a `test_step`.

    Its numbers are those that it logs: of the last epoch, and of the test.

    Args (the others as of `AbstractOwnTraining`):
        module: `_target_` and arguments of the LightningModule. Nodes within it that have a `_target_` are called too,
            or bound with `_partial_: true`. The file of DROPGRID_TARGETS lists every import path.
        datamodule: the same of a LightningDataModule, or of a mapping of loaders, `train`, `val` and `test`; None if
            the module has its own.
    """

    def __init__(
        self,
        *,
        module: Mapping[str, Any],
        datamodule: Any,
        metric: str,
        unit: str,
        lower_is_better: bool,
        chosen_by: str | None,
    ):
        super().__init__(metric=metric, unit=unit, lower_is_better=lower_is_better, chosen_by=chosen_by)
        if not isinstance(module, Mapping):
            raise ValueError(f"task.module must be a mapping with _target_, got {module!r}")
        self.nodes = {"task.module": module, "task.datamodule": datamodule}

    def check(self) -> None:
        for key, node in self.nodes.items():
            if isinstance(node, Mapping) and ("_target_" in node or "option" in node):
                made = locate(key, import_path(key, node))
                try:
                    inspect.signature(made).bind(**{name: ... for name in node if name not in OWN_KEYS})
                except TypeError as error:
                    raise UserError(f"{key}: {import_path(key, node)}: {error}") from error
            elif key == "task.module" or node is not None:
                raise UserError(f"{key} needs a _target_, an import path, got {node!r}")

    def make(self) -> tuple[Any, Any]:
        """Return the module and its data, made; UserError for arguments that they refuse."""
        module, data = (instantiate_nested(key, node) for key, node in self.nodes.items())
        return module, data
