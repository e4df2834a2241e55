"""No penalty."""

from torch import nn


class NoPenalty:
    """What a penalty is: `term(model)` is added to the loss, `project(model)` acts after a step; here neither does.

    A term that is a number, not a tensor, has no gradient and says that there is none: it is not added.

    `decays` says that it does what an optimizer's weight decay does: both at once are refused.
    """

    decays = False

    def term(self, model: nn.Module) -> float:
        """Return 0."""
        return 0.0

    def project(self, model: nn.Module) -> None:
        """Do nothing."""
