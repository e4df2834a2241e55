"""Batch norms whose statistics do not propagate gradients."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Detached(_BatchNorm):
    """y = gain · (x - mean) / sqrt(var + eps) + shift, with mean and var as constants in the backward pass.

    The true gradient with respect to x is orthogonal to 1 and to x - mean: it asks for no change that the norm would
    take out. This one, gain / sqrt(var + eps) · dL/dy, does, and the loss does not answer. Values, moving averages and
    state_dict are those of the class beside which it stands; (N, C, …) -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        with torch.no_grad():
            super().forward(input)  # for the moving averages
            values = input.to(torch.promote_types(input.dtype, torch.float32))  # as torch computes them
            var, mean = torch.var_mean(values, [0, *range(2, input.dim())], correction=0)
        return nn.functional.batch_norm(input, mean, var, self.weight, self.bias, eps=self.eps)


class DetachedBatchNorm1d(Detached, nn.BatchNorm1d):
    """The norm after a linear layer."""


class DetachedBatchNorm2d(Detached, nn.BatchNorm2d):
    """The norm after a convolution."""
