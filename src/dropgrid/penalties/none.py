"""No penalty."""

from torch import nn


class NoPenalty:
    """What a penalty is: `term(model)` is added to the loss, `project(model)` acts after a step; here neither does.

    `decays` says that it does what an optimizer's weight decay does: both at once are refused.
    """

    decays = False

    def term(self, model: nn.Module) -> float:
        """0."""
        return 0.0

    def project(self, model: nn.Module) -> None:
        """Nothing."""
