"""ShakeDrop (Yamada, Iwamura, Akiba, Kise, IEEE Access 2019, arXiv 1802.02375)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.masks.uniform import uniform
from dropgrid.sites import AbstractDropProb, Site, drop_prob_of

LEVELS = ("batch", "image", "channel", "pixel")
SHAKEN = "shaken"


class Shake(torch.autograd.Function):
    """input · forward, whose gradient is gradient · backward: two factors that need not be equal."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        ctx.save_for_backward(backward)
        return input * forward

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (backward,) = ctx.saved_tensors
        return gradients[0] * backward, None, None


class ShakeDrop(AbstractDropProb):
    """A residual branch shaken: output = input · (b + α - bα) forward, gradient · (b + β - bβ) backward.

    b ~ Bernoulli(1 - drop_prob) is one draw for a whole batch: if it is 1, nothing changes. If it is 0, the output is
    multiplied by α ~ U(alpha) and the gradient by β ~ U(beta), which is independent of α. In eval mode
    output = input · E[b + α - bα], that is 1 - drop_prob + drop_prob · E[α] with the drop_prob at the end of the
    schedule: weights give one network, whenever they are evaluated. Shapes: (N, …) -> the same.

    Counted is the share of batches shaken, whose law is drop_prob; nothing is set to 0 unless α is.

    Source: Yamada et al. 2019, the definition of ShakeDrop, and the released `ShakeDrop.lua`, which draws one b for a
    batch and α and β for each pixel. Differs from the paper: drop_prob may follow a schedule; the paper's is constant.

    Args:
        drop_prob: 1 - p_l of the paper.
        alpha, beta: lower and upper end of the interval.
        level: one α and β for a `batch`, each `image`, each of its `channel`s (of tokens: features), or each `pixel`.
        schedule, inference: as in `AbstractRandom`.
    """

    counts = SHAKEN

    def __init__(
        self,
        drop_prob: float,
        *,
        alpha: Sequence[float] = (-1.0, 1.0),
        beta: Sequence[float] = (0.0, 1.0),
        level: str = "pixel",
        schedule: str = "constant",
        inference: bool = False,
    ):
        super().__init__(drop_prob, schedule=schedule, inference=inference)
        self.alpha, self.beta = interval("alpha", alpha), interval("beta", beta)
        self.shaking = checks.one_of("regularizer.level", level, LEVELS)
        self.eval_factor = 1 - self.level_at(1.0) * (1 - sum(self.alpha) / 2)

    def draws(self, batch: int) -> int:
        return 1

    def shape_of_factors(self, input: Tensor) -> list[int]:
        """Return the shape of α and β, which broadcasts to input's."""
        if self.shaking == "pixel":
            return [*input.shape]
        shape = [1] * input.dim()
        if self.shaking != "batch":
            shape[0] = input.shape[0]
        if self.shaking == "channel":
            feature = -1 if input.dim() == 3 else 1
            shape[feature] = input.shape[feature]
        return shape

    def forward(self, input: Tensor) -> Tensor:
        if not self.active:
            return input * self.eval_factor
        shape = self.shape_of_factors(input)
        numbers = uniform(self.next_key(), [1 + 2 * math.prod(shape)])
        shaken = numbers[0] < self.drop_prob
        self.count(shaken.long(), 1)
        within = numbers[1:].view(2, *shape)
        alpha, beta = (
            torch.where(shaken, low + (high - low) * each, 1.0).to(input.dtype)
            for each, (low, high) in zip(within, (self.alpha, self.beta), strict=True)
        )
        output: Tensor = Shake.apply(input, alpha, beta)
        return output

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        variance: np.ndarray = drop_prob * (1 - drop_prob)
        return variance

    def extra_repr(self) -> str:
        ranges = f"alpha={list(self.alpha)}, beta={list(self.beta)}, level={self.shaking}"
        return f"{super().extra_repr()}, {ranges}"


def interval(name: str, ends: object) -> tuple[float, float]:
    """Return the ends of an interval; ValueError unless they are two finite numbers, the lower first."""
    found = [*ends] if isinstance(ends, Sequence) and not isinstance(ends, str) else []
    finite = all(checks.is_number(each) and math.isfinite(each) for each in found)
    if len(found) != 2 or not finite or found[0] > found[1]:
        raise ValueError(f"regularizer.{name} must be two finite numbers [low, high], the lower first, got {ends!r}")
    return float(found[0]), float(found[1])


def shakedrop(
    site: Site,
    *,
    keep_prob: float,
    depth: str,
    alpha: Sequence[float],
    beta: Sequence[float],
    level: str,
    groups: Sequence[int] | None,
    schedule: str,
    inference: bool,
) -> nn.Module:
    """ShakeDrop at the end of the residual branches of the wanted groups.

    `depth=linear` is the linear decay rule: block l of L has drop_prob (l / L)(1 - keep_prob), keep_prob being the
    paper's p_L; `depth=constant` has 1 - keep_prob everywhere.
    """
    checks.one_of("regularizer.depth", depth, ("linear", "constant"))
    more: dict[str, Any] = {"alpha": alpha, "beta": beta, "level": level, "schedule": schedule, "inference": inference}
    share = site.block / site.blocks if site.block and depth == "linear" else 1.0
    module = ShakeDrop(share * drop_prob_of(keep_prob), **more)
    return module if site.place == "branch" and site.in_groups(groups) else nn.Identity()
