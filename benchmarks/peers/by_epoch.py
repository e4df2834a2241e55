"""dropgrid's cosine as torch's and timm's loops move it: once an epoch."""

from dropgrid.lr_schedules.cosine import cosine


def cosine_by_epoch(step: int, steps: int, *, epochs: int, final: float, warmup: float) -> float:
    """The rate that an epoch's first step has, for all of its steps."""
    per_epoch = steps // epochs
    return cosine(step // per_epoch * per_epoch, steps, final=final, warmup=warmup)
