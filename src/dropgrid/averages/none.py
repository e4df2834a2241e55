"""No average of weights."""

from collections.abc import Sequence

from torch import Tensor


class NoAverage:
    """No average, and the interface of one.

    `due(step, steps, per_epoch)`: whether the weights after `step` of `steps` optimizer steps join it.
    `update(averaged, current, count)` lets them join `count` others, in place. `reestimate`: whether the norms' moving
    averages, which are not those of the averaged weights, are then measured again on the training set.
    """

    reestimate = False

    def due(self, step: int, steps: int, per_epoch: int) -> bool:
        """Never."""
        return False

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None:
        """Do nothing."""
