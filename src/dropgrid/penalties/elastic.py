"""Elastic net (Zou, Hastie, 2005)."""

from torch import Tensor, nn

from dropgrid.penalties.l1 import L1
from dropgrid.penalties.l2 import L2
from dropgrid.penalties.weights import strength


class Elastic:
    """l1 · Σ |w| + ½ · l2 · Σ w²: the two penalties together.

    Args:
        l1, l2: strengths, above 0.
    """

    decays = True

    def __init__(self, *, l1: float, l2: float):
        self.parts = (L1(strength=strength("l1", l1)), L2(strength=strength("l2", l2)))

    def term(self, model: nn.Module) -> Tensor | float:
        """As above."""
        first, second = self.parts
        return first.term(model) + second.term(model)

    def project(self, model: nn.Module) -> None:
        """Nothing."""
