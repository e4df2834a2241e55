"""How far confidence is from accuracy, before and after temperature scaling."""

import torch
from torch import Tensor

from dropgrid.measure.subject import Measure, Subject
from dropgrid.tasks.classification import calibration_error, nll

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures between which the best is looked for: a network that is never wrong has none."""


def calibration(subject: Subject) -> dict[str, Measure]:
    """ECE, NLL and Brier score of the test images; with validation images also the temperature T that fits them best,
    and the same of softmax(z / T).

    Source: Guo et al., ICML 2017, §2 and §4.2; Brier, Monthly Weather Review 78, 1950.
    """
    test, targets = subject.predict(subject.splits.test)
    found = scores(test, targets, "", "")
    if len(subject.splits.val):
        hot = temperature(*subject.predict(subject.splits.val))
        found["temperature"] = Measure(hot, "Temperature", "")
        found |= scores(test.double() / hot, targets, "_scaled", " temperature-scaled")
    return found


def scores(logits: Tensor, targets: Tensor, suffix: str, how: str) -> dict[str, Measure]:
    """The three scores."""
    return {
        f"ece{suffix}": Measure(calibration_error(logits, targets), f"ECE{how}"),
        f"nll{suffix}": Measure(nll(logits, targets), f"NLL{how}", "nats"),
        f"brier{suffix}": Measure(brier(logits, targets), f"Brier score{how}", ""),
    }


def brier(logits: Tensor, targets: Tensor) -> float:
    """Mean of Σₖ (pₖ - [k = target])², 0 to 2."""
    wanted = torch.nn.functional.one_hot(targets, logits.shape[1])
    return float((logits.double().softmax(1) - wanted).square().sum(1).mean())


def temperature(logits: Tensor, targets: Tensor) -> float:
    """The T for which softmax(z / T) has the least NLL, in [0.01, 100].

    NLL is convex in β = 1 / T, and its slope is the mean of Σₖ pₖ zₖ - z_target: T is where that changes sign.
    """
    z = logits.double()
    right = z.gather(1, targets[:, None]).mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    while high - low > 1e-12 * high:
        middle = (low * high) ** 0.5
        slope = ((middle * z).softmax(1) * z).sum(1).mean() - right
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 1 / high
