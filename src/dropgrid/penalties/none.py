"""No penalty."""

from torch import nn


class NoPenalty:
    """What a penalty is: `term(model)` is added to the loss, `project(model)` acts after a step; here neither does."""

    def term(self, model: nn.Module) -> float:
        """0."""
        return 0.0

    def project(self, model: nn.Module) -> None:
        """Nothing."""
