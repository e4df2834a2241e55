"""What a cell needs of its task to be trained and measured.

A `Task` says what is fitted, what is kept of a network's outputs on the test images, which numbers they give, and which
of these numbers is the headline. It is all that an option must implement. One that trains by our own `Learner`
implements `dropgrid.tasks.objective.Objective` as well, which is a `Task` too.

How detection would implement it: the targets of a batch are a list of N dictionaries (boxes, labels), and so are the
outputs. `collect` keeps both lists on the CPU; `measure` computes COCO AP of them; `arrays` joins the boxes of all
images to one array each, beside an array of the image that each box is in; `targets` counts the boxes of each image.
The headlines begin with `test/ap_last`, `selected` is `val/ap`.

A training of a user's own is no `Task`: see `dropgrid.tasks.own_training`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from torch import nn

from dropgrid.data.source import Spec
from dropgrid.tasks.description import TaskDescription

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule

Predictions = TypeVar("Predictions")


class Task(ABC, Generic[Predictions]):
    """What is learned, and by which numbers it is judged; more is better of each headline.

    `Predictions` is whatever `collect` returns for a split.
    """

    description: ClassVar[TaskDescription]
    """Its headline metrics, their unit, and the titles of its numbers."""

    @abstractmethod
    def learner(self, network: nn.Module, make: "Callable[..., LightningModule]") -> "LightningModule":
        """Return the `dropgrid.learner.AbstractLearner` that is fitted.

        Args:
            network: of the cell, with its initial weights.
            make: (network, objective) -> the `Learner` with the cell's loss, optimizer and augmentation.
        """

    @abstractmethod
    def collect(self, batches: Iterable[tuple[Any, Any]]) -> Predictions:
        """Return what is kept of a pass over a split, on the CPU, from the (outputs, targets) of each batch."""

    @abstractmethod
    def headline_value(self, predictions: Predictions) -> float:
        """Return the default headline of one split's predictions."""

    @abstractmethod
    def measure(self, train: Predictions, last: Predictions, best: Predictions) -> dict[str, float]:
        """Return the metrics of `result.json`, by name; nan for one that cannot be computed.

        Args:
            train: of training images, with the last weights.
            last: of the test images, with the last weights.
            best: of the test images, with the weights of the best validation epoch.
        """

    def chance(self, spec: Spec) -> float | None:
        """Return the training metric, in [0, 1], that guessing gives; None if it is not known."""
        return None

    @abstractmethod
    def diverged(self, predictions: Predictions) -> bool:
        """Return whether some output is not finite."""

    @abstractmethod
    def arrays(self, last: Predictions, best: Predictions) -> dict[str, np.ndarray]:
        """Return the arrays of `predictions.npz`; `targets` among them, with one entry per test image."""

    @abstractmethod
    def prediction_bytes(self, spec: Spec) -> int:
        """Return the size of these arrays, before they are compressed."""
