"""Max-norm constraint (Srebro, Shraibman, 2005; Srivastava et al., JMLR 2014, §5.1)."""

import torch
from torch import nn

from dropgrid import checks
from dropgrid.penalties.weights import weights


class MaxNorm:
    """After each step ‖w‖₂ ≤ radius for the incoming weights w of every unit: longer ones are rescaled.

    A unit is a row of a linear layer, an output channel of a convolution (all its inputs and cells together).

    Args:
        radius: c of the paper, above 0; it found 3 to 4 typical.

    Raises:
        ValueError: radius not above 0.
    """

    decays = False

    def __init__(self, *, radius: float):
        self.radius = checks.number("penalty.radius", radius, above=0)

    def term(self, model: nn.Module) -> float:
        """Return 0."""
        return 0.0

    @torch.no_grad()
    def project(self, model: nn.Module) -> None:
        """Apply the formula above, by torch's own function."""
        for weight in weights(model):
            weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=self.radius))
