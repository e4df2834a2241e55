"""L2 penalty (Hoerl, Kennard, 1970; Krogh, Hertz, NeurIPS 1991)."""

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.penalties.weights import weights


class L2:
    """½ · strength · Σ w², over the weights of convolutions and linear layers: the Gaussian prior on weights.

    For SGD, with momentum or without, it is weight_decay=strength; for an adaptive method it is not AdamW's decoupled
    decay (Loshchilov, Hutter, ICLR 2019, §2). Under a norm the scale of a weight does nothing, and the penalty acts
    through the effective learning rate lr / ‖w‖² (van Laarhoven, 2017).

    Args:
        strength: above 0.
    """

    decays = True

    def __init__(self, *, strength: float):
        self.strength = checks.number("penalty.strength", strength, above=0)

    def term(self, model: nn.Module) -> Tensor | float:
        """Return the term above."""
        return 0.5 * self.strength * sum((weight.square().sum() for weight in weights(model)), start=0.0)

    def project(self, model: nn.Module) -> None:
        """Do nothing."""
