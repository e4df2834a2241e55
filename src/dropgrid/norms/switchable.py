"""Switchable normalization (Luo, Ren, Peng, Zhang, Li, ICLR 2019)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import checks


class SwitchableNorm(_BatchNorm):
    """(x - Σ w_k mean_k) / sqrt(Σ w'_k var_k + eps) · gain + shift, k over instance, layer and batch statistics.

    w and w' are softmaxes of learned logits, equal at first; all its channels share them. Layer statistics are over
    (C, H, W) of an example; those of the batch over (N, H, W) of a channel, in eval their moving averages. They are
    a batch norm's own, which is why it is one: what re-estimates a batch norm re-estimates this.

    Args:
        linear: input is (N, C), where an instance has no statistics: the mix is of the other two. Else (N, C, H, W).
    """

    def __init__(self, features: int, *, eps: float, momentum: float, affine: bool, linear: bool):
        super().__init__(features, eps, momentum, affine)
        self.mean_logits = nn.Parameter(torch.zeros(2 if linear else 3))
        self.var_logits = nn.Parameter(torch.zeros(2 if linear else 3))

    def forward(self, input: Tensor) -> Tensor:
        values = input.unflatten(1, (-1, 1)) if input.dim() == 2 else input.flatten(2)
        var, mean = torch.var_mean(values, 2, correction=0)
        kinds = [(mean, var), combine_statistics(mean, var, 1), self.of_batch(mean, var, values.shape[2])]
        means, variances = zip(*kinds[-len(self.mean_logits) :], strict=True)
        mean = mix_statistics(self.mean_logits, means)
        scale = (mix_statistics(self.var_logits, variances) + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        output = (values - mean[:, :, None]) * scale[:, :, None]
        if self.affine:
            output = output + self.bias[:, None]
        return output.view_as(input).to(input.dtype)

    def of_batch(self, mean: Tensor, var: Tensor, cells: int) -> tuple[Tensor, Tensor]:
        """Return the batch's statistics (1, C), which update the moving averages; in eval mode the moving averages."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        if not self.training:
            return self.running_mean[None], self.running_var[None]
        count = len(mean) * cells
        mean, var = combine_statistics(mean, var, 0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean[0].to(self.running_mean.dtype), share)
            self.running_var.lerp_(var[0].to(self.running_var.dtype) * count / max(1, count - 1), share)
        return mean, var


def combine_statistics(mean: Tensor, var: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance of equal parts together, from those of each part (eq. 4)."""
    between, together = torch.var_mean(mean, dim, correction=0, keepdim=True)
    return together, var.mean(dim, keepdim=True) + between


def mix_statistics(logits: Tensor, values: Sequence[Tensor]) -> Tensor:
    """Return Σ softmax(logits)_k · value_k."""
    total: Tensor = sum(share * value for share, value in zip(logits.softmax(0), values, strict=True))
    return total


def switchable(
    layer: Callable[..., nn.Module], features: int, *, eps: float, momentum: float, affine: bool
) -> tuple[nn.Module, nn.Module]:
    """A learned mix of instance, layer and batch statistics; after a linear layer, of layer and batch.

    Args:
        layer, features, eps, affine: as of batch norm.
        momentum: the weight of the new batch in the moving averages (0.1; papers write 0.9).

    Raises:
        ValueError: eps not above 0, momentum outside (0, 1], affine not a bool.

    Source: §2, eq. 3-5. Differs from the paper: in inference moving averages, which its authors' code offers too, in
    place of the means over a few batches with frozen weights.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.affine", affine)
    checks.number("norm.momentum", momentum, above=0, most=1)
    before = layer(bias=not affine)
    linear = isinstance(before, nn.Linear)
    return before, SwitchableNorm(features, eps=eps, momentum=momentum, affine=affine, linear=linear)
