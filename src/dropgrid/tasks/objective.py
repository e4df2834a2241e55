"""What the Learner asks of a task that it trains.

The Learner moves batches, draws random numbers and counts steps; what a loss is made of and what is counted on the way
is the task's. Targets have any shape: the Learner only hands them on.

How detection would implement it:

The losses arise inside the network, which takes (images, targets) in training and gives a dictionary of losses, and
detections in eval mode. `step` follows `network.training`: it sums the losses and gives no outputs, or gives detections
and a loss of 0. Targets are lists of dictionaries. The running sums are loss, images with a loss, and histograms of
right and wrong detections by score, so that `means` gives AP without keeping an epoch's boxes; an epoch of validation
has no loss. The option of the loss axis is not used.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from dropgrid.data.source import Spec
from dropgrid.tasks.task import Predictions, Task

Loss = Callable[[Any, Any], Tensor]
"""The option of the loss axis: (outputs, targets) -> scalar."""


class Objective(Task[Predictions]):
    """A task that the Learner trains: the loss of a batch, and what an epoch counts."""

    targets: ClassVar[str]
    """The targets of the data that it needs: `dropgrid.data.source.Spec.targets`."""

    @abstractmethod
    def output_shape(self, spec: Spec) -> tuple[int, ...]:
        """Return the shape of a network's outputs for one image."""

    @abstractmethod
    def step(self, network: nn.Module, loss: Loss, images: Tensor, targets: Any) -> tuple[Tensor, Any]:
        """Return the scalar loss of a batch, and the network's outputs; in training and in validation.

        Args:
            network: in the mode of the phase.
            loss: of the loss axis.
            images: floats (N, C, H, W), normalised, in training augmented.
            targets: as the augmentation leaves them: mixed ones too.
        """

    @abstractmethod
    def sums(self, classes: int) -> int:
        """Return the number of an epoch's running sums; all begin at 0, and those of several processes are added."""

    @abstractmethod
    def accumulate(self, sums: Tensor, loss: Tensor, outputs: Any, targets: Any) -> None:
        """Add a batch to the running sums, in place and on their device, without synchronising with it.

        Args:
            sums: float64 (sums,).
            loss: of the batch, penalties included.
            outputs: of `step`.
            targets: before any augmentation.
        """

    @abstractmethod
    def means(self, sums: Sequence[float]) -> dict[str, float]:
        """Return an epoch's numbers by name, with `loss` if there is one; empty if no image was seen."""

    @abstractmethod
    def stand_in(self, spec: Spec) -> tuple[nn.Module, Any]:
        """Return a tiny network and the targets of two images, on which losses and augmentations are tried out before
        there is a network.
        """
