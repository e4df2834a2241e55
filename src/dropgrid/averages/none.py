"""No average of weights."""

from collections.abc import Sequence

from torch import Tensor


class NoAverage:
    """No average, and the interface of all averages.

    `due(step, steps, per_epoch)`: whether to add the weights after `step` of `steps` optimizer steps.
    `update(averaged, current, count)` adds them to an average of `count` weights, in place. `reestimate`: whether the
    norms' moving averages, which do not belong to the averaged weights, are then measured again on the training set.
    """

    reestimate = False

    def due(self, step: int, steps: int, per_epoch: int) -> bool:
        """Return False."""
        return False

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None:
        """Do nothing."""
