"""DropConnect (Wan et al., ICML 2013)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dropgrid import checks
from dropgrid.masks.uniform import count_zeros, keep_mask, normal
from dropgrid.sites import AbstractDropProb, Site, drop_prob_of

MASKS, PLACES, INFERENCES = ("example", "batch"), ("hidden", "head", "linear"), ("mean", "gaussian", "mask")

Layer = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class DropConnect(AbstractDropProb):
    """Weights and biases of a linear layer dropped: output = ((m ∘ w) x + m' ∘ b) / (1 - p), m, m' ~ Bernoulli(1 - p).

    Shapes: input (N, in), weight (out, in), bias (out) -> (N, out). Backward goes through the same mask: a weight that
    was dropped gets no gradient. m and m' are one mask of out · (in + 1) cells.

    Args:
        drop_prob: p.
        per_example: one mask per example (N · out · in cells in memory; the paper, §3), or one per batch.
        inference: `mean`, the layer without dropping; `mask`, dropped in eval mode too; `gaussian`, the output drawn
            `samples` times from the normal distribution with the mean and variance that masks would give it,
            N(w x + b, p / (1 - p) · (w² x² + b²)) (Algorithm 1 of the paper): the batch becomes `samples` times as
            long, and `Average` takes the mean after the activation.

    Differs from the paper: kept weights are scaled by 1 / (1 - p) in training; the paper scales by 1 - p at inference.
    The expectations are the same.
    """

    def __init__(
        self,
        drop_prob: float,
        *,
        per_example: bool,
        inference: str = "mean",
        samples: int = 1,
        schedule: str = "constant",
    ):
        super().__init__(drop_prob, schedule=schedule, inference=inference == "mask")
        self.per_example = per_example
        self.samples = samples if inference == "gaussian" else 0

    def shape(self, *inputs: Any) -> tuple[int, ...]:
        outputs, features = inputs[1].shape
        return outputs, features + (inputs[2] is not None)

    def draws(self, batch: int) -> int:
        return batch if self.per_example else 1

    def forward(self, input: Tensor, weight: Tensor, bias: Tensor | None, layer: Layer) -> Tensor:
        if self.active:
            output = self.masked(input, weight, bias, layer)
            return output if self.training or not self.samples else output.repeat(self.samples, 1)
        return self.sampled(input, weight, bias) if self.samples else layer(input, weight, bias)

    def masked(self, input: Tensor, weight: Tensor, bias: Tensor | None, layer: Layer) -> Tensor:
        """Return the output with weights dropped."""
        columns = weight.shape[1] + (bias is not None)
        shape = [len(input) if self.per_example else 1, weight.shape[0], columns]
        mask = keep_mask(weight, self.drop_prob, self.next_key(), shape)
        self.count(count_zeros(mask), mask.numel())
        mask = mask / (1 - self.drop_prob)
        weights = mask[:, :, : weight.shape[1]] * weight
        biases = None if bias is None else mask[:, :, -1] * bias
        if not self.per_example:
            return layer(input, weights[0], None if biases is None else biases[0])
        output = torch.bmm(weights.to(input.dtype), input[:, :, None])[:, :, 0]
        return output if biases is None else output + biases

    def sampled(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return `samples` draws of the moment-matched Gaussian, one after the other: (samples · N, out)."""
        mean = F.linear(input, weight, bias)
        variance = F.linear(input.square(), weight.square(), None if bias is None else bias.square())
        std = (variance * self.drop_prob / (1 - self.drop_prob)).sqrt()
        noise = normal(self.next_key(), [self.samples, *mean.shape]).to(mean.dtype)
        return (mean + std * noise).flatten(0, 1)

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        variance: np.ndarray = drop_prob * (1 - drop_prob) / (shape[0] * shape[1])
        return variance


class Average(nn.Module):
    """The mean over a layer's `samples`, which follow one another, in eval mode; (samples · N, F) -> (N, F)."""

    def __init__(self, samples: int):
        super().__init__()
        self.samples = samples

    def forward(self, input: Tensor) -> Tensor:
        return input if self.training else input.unflatten(0, (self.samples, -1)).mean(0)

    def extra_repr(self) -> str:
        return f"samples={self.samples}"


def drop_connect(
    site: Site, *, keep_prob: float, mask: str, place: str, schedule: str, inference: str, samples: int
) -> nn.Module:
    """DropConnect on the linear layers of a place: `hidden` ones, the classifier (`head`), or all (`linear`).

    With `inference=gaussian` also the average after the activation of hidden layers. The classifier has no activation,
    so the mean of its samples is its output with the mean weights: it is not sampled.
    """
    for name, value, allowed in (("mask", mask, MASKS), ("place", place, PLACES), ("inference", inference, INFERENCES)):
        checks.one_of(f"regularizer.{name}", value, allowed)
    checks.whole_number("regularizer.samples", samples, 1)
    drop_prob = drop_prob_of(keep_prob)
    hidden = site.group is not None
    if not site.linear or (place == "hidden" and not hidden) or (place == "head" and hidden):
        return nn.Identity()
    if site.place == "hidden":
        return Average(samples) if inference == "gaussian" else nn.Identity()
    if site.place != "weight":
        return nn.Identity()
    inference = "mean" if inference == "gaussian" and not hidden else inference
    return DropConnect(
        drop_prob, per_example=mask == "example", inference=inference, samples=samples, schedule=schedule
    )
