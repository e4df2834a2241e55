"""Predictions averaged over masks of the cell's own regularizer."""

from collections.abc import Sequence

import torch

from dropgrid import checks, streams
from dropgrid.measure.trained_cell import DoesNotApply, Measure, TrainedCell, require_list
from dropgrid.sites import inference_drops, with_inference
from dropgrid.tasks.classification import accuracy, nll


def monte_carlo(cell: TrainedCell, *, passes: Sequence[int]) -> dict[str, Measure]:
    """Accuracy and NLL of p = 1/T Σ softmax(zₜ), each zₜ with its own masks at full rate, and of z without masks.

    Args:
        passes: numbers of passes T, 1 or more. Pass t has the same masks for every T.

    Raises:
        DoesNotApply: the cell has no regularizer that drops.
        ValueError: a T is not a whole number above 0.

    Source: Gal and Ghahramani, ICML 2016, §4.
    """
    cell.require_classes()
    counts = require_list("passes", passes)
    wrong = [each for each in counts if not checks.is_whole_number(each) or each < 1]
    if wrong:
        raise ValueError(f"passes lists whole numbers, 1 or more, got {wrong[0]!r}")
    if not inference_drops(cell.network):
        raise DoesNotApply("nothing drops in this network")
    test, dropping = cell.splits.test, with_inference(cell.network, True)
    plain, targets = cell.predict(test, network=with_inference(cell.network, False))
    found = {
        "acc_deterministic": Measure(accuracy(plain, targets), "Deterministic"),
        "nll_deterministic": Measure(nll(plain, targets), "NLL deterministic", "nats"),
    }
    total = torch.zeros_like(plain, dtype=torch.float64)
    for index in range(max(passes)):
        logits, _ = cell.predict(test, network=dropping, seed=streams.key(cell.seed, "monte_carlo", index))
        total += logits.double().softmax(1)
        count = index + 1
        if count in passes:
            # the smallest normal number stands for a probability that underflowed
            mean = (total / count).clamp(min=torch.finfo(torch.float64).tiny).log()
            found[f"acc_{count}"] = Measure(accuracy(mean, targets), f"Monte Carlo T = {count}")
            found[f"nll_{count}"] = Measure(nll(mean, targets), f"NLL Monte Carlo T = {count}", "nats")
    return found
