"""Step decay."""

from collections.abc import Sequence

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed


def step(step: int, steps: int, *, milestones: Sequence[float], gamma: float, warmup: float) -> float:
    """gamma^k, k the milestones passed; milestones are shares of the whole training, warm-up included.

    Raises:
        ValueError: milestones that do not rise within (0, 1), or gamma outside (0, 1].
    """
    if not isinstance(milestones, Sequence) or isinstance(milestones, str):
        raise ValueError(f"lr_schedule.milestones must list shares of training in (0, 1), got {milestones!r}")
    shares = [float(each) if isinstance(each, int | float) else float("nan") for each in milestones]
    if any(not 0 < each < 1 for each in shares) or shares != sorted(set(shares)):
        raise ValueError(f"lr_schedule.milestones must rise within (0, 1), shares of training; got {milestones!r}")
    checks.number("lr_schedule.gamma", gamma, above=0, most=1)
    passed = sum(step >= round(each * steps) for each in shares)
    return warmed(step, steps, warmup, lambda *_: gamma**passed)
