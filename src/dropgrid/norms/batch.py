"""Batch normalization (Ioffe, Szegedy, ICML 2015)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
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
    statistics: str | Sequence[str | float],
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
            modules whose `reestimate` is true. A list of `moving`, `cumulative` and other momenta: inference uses the
            first, the others are kept beside it for the evaluation `bn_statistics`; training is the same.
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
    several = not isinstance(statistics, str) and isinstance(statistics, Sequence)
    if not several:
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
    if several:
        norm.kept = Kept(statistics, momentum, features)
        norm.momentum = 1.0  # torch then leaves the batch's own statistics behind
        norm.register_forward_hook(keep)
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


class Kept(nn.Module):
    """Averages of a batch norm's statistics over the batches of training, one for each kind, from mean 0 and var 1.

    Args:
        kinds: `moving`, `cumulative`, or momenta: the weights of the new batch.
        momentum: that of `moving`.
        features: channels.

    Buffers: `mean`, `var`, float32 (kinds, channels).
    """

    mean: Tensor
    var: Tensor

    def __init__(self, kinds: Sequence[str | float], momentum: float, features: int):
        super().__init__()
        if not kinds or len({*kinds}) < len(kinds):
            raise ValueError(f"norm.statistics must list kinds, each once, got {[*kinds]}")
        for each in kinds:
            if isinstance(each, str):
                checks.one_of("each of the list norm.statistics", each, ("moving", "cumulative"))
            else:
                checks.number("each of the list norm.statistics", each, above=0, most=1, what="a momentum")
        self.names = [each if isinstance(each, str) else f"momentum_{each:g}" for each in kinds]
        weights = {"moving": momentum, "cumulative": None}
        self.momenta = [weights[each] if isinstance(each, str) else each for each in kinds]
        self.register_buffer("mean", torch.zeros(len(kinds), features))
        self.register_buffer("var", torch.ones(len(kinds), features))

    def add(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        """Add the statistics (channels,) of batch number `count`, from 1."""
        for index, momentum in enumerate(self.momenta):
            weight = 1 / count if momentum is None else torch.full_like(count, momentum, dtype=mean.dtype)
            self.mean[index].lerp_(mean, weight)
            self.var[index].lerp_(var, weight)


def keep(norm: _BatchNorm, _: object, __: object) -> None:
    """After a batch of training, add its statistics to those kept, and give the norm the first for inference."""
    if norm.training and norm.momentum == 1:  # None while re-estimating
        kept, mean, var, count = norm.kept, norm.running_mean, norm.running_var, norm.num_batches_tracked
        assert isinstance(kept, Kept) and mean is not None and var is not None and count is not None
        kept.add(mean, var, count)
        mean.data.copy_(kept.mean[0])  # .data: the backward pass saved both tensors, and reads neither
        var.data.copy_(kept.var[0])


def kind(linear: bool, detach: bool, sync: bool) -> type[_BatchNorm]:
    """Return the class that normalizes (N, C) if `linear`, else (N, C, H, W)."""
    if sync:
        return nn.SyncBatchNorm
    if linear:
        return DetachedBatchNorm1d if detach else nn.BatchNorm1d
    return DetachedBatchNorm2d if detach else nn.BatchNorm2d
