"""No penalty."""

from torch import nn


class NoPenalty:
    """No penalty, and the interface of all: `term(model)` is added to the loss, `project(model)` acts after a step.

    A term that is a number, not a tensor, means that there is none: it is not added.

    `decays` marks a penalty that acts like an optimizer's weight decay: using both at once is refused.
    """

    decays = False

    def term(self, model: nn.Module) -> float:
        """Return 0."""
        return 0.0

    def project(self, model: nn.Module) -> None:
        """Do nothing."""
