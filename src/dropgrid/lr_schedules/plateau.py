"""Reduce on plateau: the rate falls once the validation metric has stopped improving."""

from collections.abc import Mapping, Sequence

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed

METRICS = ("loss", "acc")


def plateau(
    step: int,
    steps: int,
    validated: Sequence[Mapping[str, float]] = (),
    *,
    metric: str,
    factor: float,
    patience: int,
    threshold: float,
    lowest: float,
    warmup: float,
) -> float:
    """Times `factor` after each run of more than `patience` epochs without a new best, never below `lowest`.

    A new best: a loss below best · (1 - threshold), an `acc` above best · (1 + threshold); an epoch of the warm-up
    counts too. It is a function of the step and of what validation has shown, which checkpoints hold.

    Args:
        validated: `val/loss` and `val/acc` of each epoch that is over.
        lowest: share of the rate.

    Raises:
        ValueError: metric not loss or acc, factor outside (0, 1), patience below 0, threshold or lowest outside [0, 1].

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau, with threshold_mode rel, no cooldown and eps 0.
    """
    checks.one_of("lr_schedule.metric", metric, METRICS)
    checks.number("lr_schedule.factor", factor, above=0, below=1)
    checks.whole_number("lr_schedule.patience", patience, 0)
    checks.number("lr_schedule.threshold", threshold, least=0, most=1)
    checks.number("lr_schedule.lowest", lowest, least=0, most=1)
    seen = [row[f"val/{metric}"] for row in validated]
    falls = reductions(seen if metric == "loss" else [-value for value in seen], patience, threshold)
    return warmed(step, steps, warmup, lambda *_: max(factor**falls, lowest))


plateau.reads_validation = True  # type: ignore[attr-defined]


def reductions(costs: Sequence[float], patience: int, threshold: float) -> int:
    """Return how often the rate has fallen; lower costs are better, nan never is."""
    best, waited, found = float("inf"), 0, 0
    for cost in costs:
        if cost < best - threshold * abs(best) or (best == float("inf") and cost < best):
            best, waited = cost, 0
        else:
            waited += 1
        if waited > patience:
            waited, found = 0, found + 1
    return found
