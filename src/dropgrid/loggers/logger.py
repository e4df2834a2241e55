"""The interface of loggers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Masks(NamedTuple):
    """Images uint8 (N, C, H, W), of each pixel its class and the predicted one, uint8 (N, H, W), and their names."""

    images: np.ndarray
    wanted: np.ndarray
    predicted: np.ndarray
    classes: Sequence[str]


class AbstractLogger(ABC):
    """Receives a row of numbers per epoch, images after training, and the end of the run.

    Loggers are constructed with `folder` (the cell's) and `cell`: its id, name, ablation, row, config.
    """

    @abstractmethod
    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Continue from a checkpoint, before which these rows were logged; called before any `log`."""

    @abstractmethod
    def log(self, row: Mapping[str, float]) -> None:
        """Log one epoch's numbers, including `epoch` and `step`."""

    @abstractmethod
    def image(self, name: str, png: bytes) -> None:
        """Log a figure of what training recorded, such as `diagnosis/signal`; called before `close`."""

    @abstractmethod
    def masks(self, shown: Masks) -> None:
        """Log the first test images with their masks, if there is a form for it; called before `close`."""

    @abstractmethod
    def close(self, summary: Mapping[str, Any] | None) -> None:
        """End the run, with the result's summary, or None if it failed; called exactly once in any case."""
