"""Elastic net (Zou, Hastie, 2005)."""

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.penalties.l1 import L1
from dropgrid.penalties.l2 import L2


class Elastic:
    """l1 · Σ |w| + ½ · l2 · Σ w²: the two penalties together.

    Args:
        l1, l2: strengths, above 0.
    """

    decays = True

    def __init__(self, *, l1: float, l2: float):
        checks.number("penalty.l1", l1, above=0)
        checks.number("penalty.l2", l2, above=0)
        self.parts = (L1(strength=l1), L2(strength=l2))

    def term(self, model: nn.Module) -> Tensor | float:
        """Return the term above."""
        first, second = self.parts
        return first.term(model) + second.term(model)

    def project(self, model: nn.Module) -> None:
        """Do nothing."""
