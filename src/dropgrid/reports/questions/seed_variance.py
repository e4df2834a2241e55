"""How much accuracy varies over seeds, early and late in training, as `ablation.spread` asks.

spread: [1, 2, 4, 15]   # epochs after which validation accuracy is compared
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from dropgrid.errors import UserError
from dropgrid.statistics.samples import CONFIDENCE, Interval
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell

COLUMN = "val/acc"
FEWEST = 5
"""Seeds below which a fourth moment says nothing, and no interval is given."""


@dataclass(frozen=True)
class Spread:
    """A row after `epoch` epochs: mean and standard deviation over its `n` seeds in points, and its 95 % interval.

    `ratio` is the standard deviation over the baseline's at the same epoch, with its interval; None for the baseline.
    """

    row: str
    factors: Mapping[str, str]
    epoch: int
    n: int
    mean: float
    std: float
    ci95: Interval | None
    ratio: float | None
    ratio_ci95: Interval | None


def check(asked: Any) -> None:
    """UserError where `ablation.spread` is no list of epochs."""
    if asked is None:
        return
    epochs = asked if isinstance(asked, Sequence) and not isinstance(asked, str) else []
    if not epochs or any(isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in epochs):
        raise UserError(f"ablation.spread is a list of epochs such as [1, 2, 4], each 1 or more, got {asked!r}")


def spreads(ablation: Ablation) -> list[Spread]:
    """Every row's at every epoch asked for that two of its finished cells have; empty where none is asked for."""
    asked = ablation.about.get("spread")
    check(asked)
    found = []
    for block in ablation.blocks:
        read = {row: curves(cells) for row, cells in block.rows.items()} if asked else {}
        for epoch in asked or ():
            values = {row: accuracies(each, epoch) for row, each in read.items()}
            reference = values[ablation.baseline]
            for row, own in values.items():
                if len(own) < 2:
                    continue
                ratio, interval = None, None
                if row != ablation.baseline and len(reference) > 1:
                    ratio, interval = compared(own, reference)
                std = float(own.std(ddof=1))
                mean = float(own.mean())
                found.append(Spread(row, block.factors, epoch, len(own), mean, std, around(own), ratio, interval))
    return found


Curve = Mapping[int, float]
"""Epoch -> validation accuracy of a cell, as its metrics.csv has them."""


def curves(cells: Sequence[Cell]) -> list[Curve]:
    """Those of the finished cells."""
    return [cell.curve(COLUMN) for cell in cells if cell.status == "finished"]


def accuracies(read: Sequence[Curve], epoch: int) -> np.ndarray:
    """Validation accuracies in percent after so many epochs, of the curves that have it."""
    found = [curve.get(epoch - 1) for curve in read]
    return np.array([100 * each for each in found if each is not None])


def around(values: np.ndarray) -> Interval | None:
    """An interval of the standard deviation s that does not lean on normality: exp(½ (ln(c s²) ± z · c · e)).

    c = n / (n - z), e² = (γ - (n - 3) / n) / (n - 1), γ = n Σ(y - m)⁴ / (Σ(y - ȳ)²)², m a trimmed mean; None of
    fewer than 5 values, or where they are all equal.

    Source: Bonett, "Approximate confidence interval for standard deviation of nonnormal distributions", Computational
    Statistics and Data Analysis 50 (2006), eq. 4.
    """
    n, squares = len(values), float(((values - values.mean()) ** 2).sum())
    if n < FEWEST or squares == 0:
        return None
    z = float(ndtri((1 + CONFIDENCE) / 2))
    c = n / (n - z)
    gamma = n * float(((values - trimmed(values)) ** 4).sum()) / squares**2
    half = z * c * math.sqrt(max(gamma - (n - 3) / n, 0.0) / (n - 1))
    middle = math.log(c * squares / (n - 1))
    return math.exp((middle - half) / 2), math.exp((middle + half) / 2)


def compared(own: np.ndarray, reference: np.ndarray) -> tuple[float | None, Interval | None]:
    """The ratio of two standard deviations r = s₁ / s₂, and its interval exp(½ (ln(c r²) ± z e)).

    c = (n₁ / (n₁ - z)) / (n₂ / (n₂ - z)), e² = Σⱼ (γ - (nⱼ - 3) / nⱼ) / (nⱼ - 1), with a γ of both samples together;
    for independent samples.

    Source: Bonett, "Robust confidence interval for a ratio of standard deviations", Applied Psychological Measurement
    30 (2006).
    """
    both = (own, reference)
    squares = [float(((each - each.mean()) ** 2).sum()) for each in both]
    if min(squares) == 0:
        return None, None
    counts = [len(each) for each in both]
    ratio = math.sqrt(squares[0] / (counts[0] - 1) / (squares[1] / (counts[1] - 1)))
    if min(counts) < FEWEST:
        return ratio, None
    z = float(ndtri((1 + CONFIDENCE) / 2))
    c = (counts[0] / (counts[0] - z)) / (counts[1] / (counts[1] - z))
    fourth = sum(float(((each - trimmed(each)) ** 4).sum()) for each in both)
    gamma = sum(counts) * fourth / sum(squares) ** 2
    half = z * math.sqrt(sum(max(gamma - (n - 3) / n, 0.0) / (n - 1) for n in counts))
    middle = math.log(c * ratio**2)
    return ratio, (math.exp((middle - half) / 2), math.exp((middle + half) / 2))


def trimmed(values: np.ndarray) -> float:
    """The mean without a share 1 / (2 √(n - 4)) at each end."""
    cut = int(len(values) / (2 * math.sqrt(len(values) - 4)))
    return float(np.sort(values)[cut : len(values) - cut].mean())
