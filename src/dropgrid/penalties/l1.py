"""L1 penalty (Tibshirani, 1996)."""

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.penalties.weights import weights


class L1:
    """strength · Σ |w|, over the weights of convolutions and linear layers.

    A step of plain SGD moves each weight by lr · strength towards 0 and can overshoot it: weights that the loss does
    not need end within lr · strength of 0, not at it. The Laplace prior on weights.

    Args:
        strength: above 0.
    """

    decays = False

    def __init__(self, *, strength: float):
        self.strength = checks.number("penalty.strength", strength, above=0)

    def term(self, model: nn.Module) -> Tensor | float:
        """Return the term above."""
        return self.strength * sum((weight.abs().sum() for weight in weights(model)), start=0.0)

    def project(self, model: nn.Module) -> None:
        """Do nothing."""
