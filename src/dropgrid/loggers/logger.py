"""What a logger is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any


class AbstractLogger(ABC):
    """Receives a row of numbers an epoch, pictures once training is over, and the end of the run.

    Options are constructed with `folder` (the cell's) and `cell`: its id, name, ablation, row, config.
    """

    @abstractmethod
    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Training goes on from a checkpoint, before which these rows were logged; called before any `log`."""

    @abstractmethod
    def log(self, row: Mapping[str, float]) -> None:
        """One epoch's numbers, `epoch` and `step` among them."""

    @abstractmethod
    def picture(self, name: str, png: bytes) -> None:
        """A picture of what was recorded in training, such as `diagnosis/signal`; called before `close`."""

    @abstractmethod
    def close(self, summary: Mapping[str, Any] | None) -> None:
        """The end: the result's metrics, or None where the run failed. Called exactly once, whatever happened."""
