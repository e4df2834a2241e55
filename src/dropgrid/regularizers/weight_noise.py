"""Gaussian noise on weights (Graves, NeurIPS 2011; Murray, Edwards, 1994)."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from dropgrid.sites import AbstractNoise, Site

Layer = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class WeightNoise(AbstractNoise):
    """In training a layer's weights are w + std · ε, ε ~ N(0, 1) new at every step, one draw for the whole batch.

    The gradient is taken at the noisy weights and applied to w; inference uses w. Biases have no noise. Differs from
    the paper: there the noise is drawn once per sequence, and a network is first trained without it.
    """

    def shape(self, *inputs: Any) -> tuple[int, ...]:
        return tuple(inputs[1].shape)

    def draws(self, batch: int) -> int:
        return 1

    def forward(self, input: Tensor, weight: Tensor, bias: Tensor | None, layer: Layer) -> Tensor:
        return layer(input, self.add(weight, self.next_key()) if self.active else weight, bias)


def weight_noise(site: Site, *, std: float, groups: Sequence[int] | None, schedule: str, inference: bool) -> nn.Module:
    """Noise on the weights of the layers of the wanted groups; null is every layer, those outside the groups too."""
    module = WeightNoise(std, schedule=schedule, inference=inference)
    acts = site.place == "weight" and (groups is None or site.in_groups(groups))
    return module if acts else nn.Identity()
