"""Batch normalization (Ioffe, Szegedy, ICML 2015)."""

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import checks
from dropgrid.norms.detached import DetachedBatchNorm1d, DetachedBatchNorm2d

STATISTICS = ("moving", "cumulative", "batch", "reestimated")


def batch(
    layer: Callable[..., nn.Module],
    features: int,
    *,
    eps: float,
    momentum: float,
    affine: bool,
    gain: float,
    shift: float,
    statistics: str,
    detach: bool,
    sync: bool,
) -> tuple[nn.Module, nn.Module]:
    """(x - mean) / sqrt(var + eps) · gain + shift by channel, mean and var over the batch and all cells in training.

    Args:
        layer: constructor of the convolution or linear layer before it, which gets a bias exactly when the norm is
            not affine.
        features: channels.
        eps: added to the variance.
        momentum: the weight of the new batch in the moving averages (torch's convention: 0.1; papers write 0.9). Of no
            use to `cumulative` (torch's momentum=None, which no compiled graph holds) and `batch`.
        affine: learn gain and shift.
        gain, shift: their first values, γ and β.
        statistics: in inference. `moving`: exponential averages of training's. `cumulative`: the plain means over all
            batches of training, from the first. `batch`: those of the batch at hand, so that an example's output
            depends on the others beside it. `reestimated`: moving averages that, once training is over, give way to
            the plain means over the training set with the final weights (Algorithm 2); whoever trains does that for
            modules whose `reestimate` is true.
        detach: mean and var are constants to the gradient in training (§2: "the model blows up").
        sync: statistics over the batches of all processes, which torch has for GPUs; with one process no difference.

    Raises:
        ValueError: a value outside these; gain or shift without affine; detach together with sync. In the forward
            pass torch's own, if the statistics are of a batch of a single vector.

    Source: Algorithms 1 and 2.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.affine", affine)
    checks.number("norm.momentum", momentum, above=0, most=1)
    for name, value, unlearned in (("gain", gain, 1), ("shift", shift, 0)):
        checks.number(f"norm.{name}", value)
        if not affine and value != unlearned:
            raise ValueError(f"norm.{name} must be {unlearned} where norm.affine=false learns none, got {value!r}")
    checks.boolean("norm.detach", detach)
    checks.boolean("norm.sync", sync)
    checks.one_of("norm.statistics", statistics, STATISTICS)
    if detach and sync:
        raise ValueError("norm.detach=true has no form over several processes: set norm.sync=false")
    before = layer(bias=not affine)
    norm = kind(isinstance(before, nn.Linear), detach, sync)(
        features,
        eps=eps,
        momentum=momentum,
        affine=affine,
        track_running_stats=statistics != "batch",
    )
    if affine:
        nn.init.constant_(norm.weight, gain)
        nn.init.constant_(norm.bias, shift)
    if statistics == "cumulative":
        norm.register_forward_pre_hook(weigh_equally)
    if statistics == "reestimated":
        norm.reestimate = True  # type: ignore[assignment]
    return before, norm


def weigh_equally(norm: _BatchNorm, _: object) -> None:
    """Set the next batch's weight so that the moving averages are the means of all batches so far.

    Torch's own `momentum=None` does the same, but cannot be built on the meta device.
    """
    if norm.training and norm.num_batches_tracked is not None and not norm.num_batches_tracked.is_meta:
        norm.momentum = 1 / (int(norm.num_batches_tracked) + 1)


def kind(linear: bool, detach: bool, sync: bool) -> type[_BatchNorm]:
    """Return the class that normalizes (N, C) if `linear`, else (N, C, H, W)."""
    if sync:
        return nn.SyncBatchNorm
    if linear:
        return DetachedBatchNorm1d if detach else nn.BatchNorm1d
    return DetachedBatchNorm2d if detach else nn.BatchNorm2d
