"""Calibration: how far confidence is from accuracy, before and after temperature scaling."""

import torch
from torch import Tensor

from dropgrid.measure.trained_cell import Measure, TrainedCell
from dropgrid.tasks.classification import calibration_error, nll

COLDEST, HOTTEST = 0.01, 100.0
"""The range in which the best temperature is searched: a network that is never wrong has none."""


def calibration(cell: TrainedCell) -> dict[str, Measure]:
    """ECE, NLL and Brier score of the test images; with validation images also their best temperature T, and the three
    scores of softmax(z / T).

    Source: Guo et al., ICML 2017, §2 and §4.2; Brier, Monthly Weather Review 78, 1950.
    """
    cell.require_classes()
    test, targets = cell.predict(cell.splits.test)
    found = calibration_scores(test, targets, "", "")
    if len(cell.splits.val):
        hot = fit_temperature(*cell.predict(cell.splits.val))
        found["temperature"] = Measure(hot, "Temperature", "")
        found |= calibration_scores(test.double() / hot, targets, "_scaled", " temperature-scaled")
    return found


def calibration_scores(logits: Tensor, targets: Tensor, suffix: str, how: str) -> dict[str, Measure]:
    """Return ECE, NLL and Brier score."""
    return {
        f"ece{suffix}": Measure(calibration_error(logits, targets), f"ECE{how}"),
        f"nll{suffix}": Measure(nll(logits, targets), f"NLL{how}", "nats"),
        f"brier{suffix}": Measure(brier_score(logits, targets), f"Brier score{how}", ""),
    }


def brier_score(logits: Tensor, targets: Tensor) -> float:
    """Return the mean of Σₖ (pₖ - [k = target])², 0 to 2."""
    wanted = torch.nn.functional.one_hot(targets, logits.shape[1])
    return float((logits.double().softmax(1) - wanted).square().sum(1).mean())


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the T in [0.01, 100] for which softmax(z / T) has the lowest NLL.

    NLL is convex in β = 1 / T, and its slope is the mean of Σₖ pₖ zₖ - z_target: bisect its sign.
    """
    z = logits.double()
    right = z.gather(1, targets[:, None]).mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    while high - low > 1e-12 * high:
        middle = (low * high) ** 0.5
        slope = ((middle * z).softmax(1) * z).sum(1).mean() - right
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 1 / high
