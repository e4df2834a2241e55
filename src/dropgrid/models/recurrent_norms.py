"""The norms of an LSTM's cell: none, three forms of layer norm, and batch norm with statistics of each time step.

A form has two methods: `sums`, the four gates' sums of a step, and `memory`, the normalized memory that the output
reads; `keeps_normed` says whether the next step has that one too. Layer norm's forms are `LAYER_NORMS`:

    gates       the sum of each gate; the memory for the output alone
    tensorflow  the sum of each gate; the memory, which stays normalized for the next step
    paper       W_x x and W_h h apart, each over the four gates together; the memory for the output alone

What is learned of the gates stands in their order, i, f, o, j.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

GATES = 4

LAYER_NORMS = ("gates", "tensorflow", "paper")

Sums = Callable[[int, Tensor], Tensor]
"""(step, state (N, H)) -> the four gates of the step, (N, 4H), with the forget bias."""


class Unnormalized(nn.Module):
    """W_x x + W_h h + b; the output reads the memory unchanged. Also used for norms that act on weights."""

    keeps_normed = False
    """The next step has the normalized memory, not the memory itself."""

    def sums(self, given: Tensor, weight: Tensor, offset: Tensor) -> Sums:
        """Return the function of gate sums, from W_x x + b of all steps (T, N, 4H), W_h (4H, H) and the offset (4H)."""
        steps = (given + offset).unbind(0)
        return lambda step, state: torch.addmm(steps[step], state, weight.t())

    def memory(self, memory: Tensor, step: int) -> Tensor:
        """Return the normalized memory that the output reads, (N, H) -> the same."""
        return memory


class LayerNorms(nn.Module):
    """norm(W_x x + W_h h) for each gate, and norm of the memory before the output, each with a gain and a shift.

    Args:
        norm: the axis's norm of H features: layer norm, or group norm, applied with its groups to each gate.
        gain, shift: initial values; None: the axis's, 1 and 0.
        keeps_normed: pass the normalized memory to the next step (the form `tensorflow`), not the memory itself (the
            form `gates`).

    Source: of `tensorflow`, LayerNormBasicLSTMCell of TensorFlow 1 (tf.contrib.rnn), whose norms have eps 1e-12.
    Differs from it and from the paper in the form `gates`: the norms of gates are TensorFlow's, the memory the paper's.
    """

    normed_sums: tuple[str, ...] = ("gates",)
    """What has a norm over gates, as its gains and shifts are named."""

    gain_gates: Tensor | None
    shift_gates: Tensor | None
    gain_memory: Tensor | None
    shift_memory: Tensor | None

    def __init__(self, norm: nn.GroupNorm, gain: float | None, shift: float | None, keeps_normed: bool = False):
        super().__init__()
        self.keeps_normed = keeps_normed
        if not norm.affine and (gain, shift) != (None, None):
            raise ValueError("model.gain and model.shift must be null where norm.affine=false learns none")
        self.groups, self.eps = norm.num_groups, norm.eps
        for name, values, start in (("gain", norm.weight, gain), ("shift", norm.bias, shift)):
            if start is not None:
                nn.init.constant_(values, start)
            for normed in self.normed_sums:
                gates = nn.Parameter(values.detach().repeat(GATES)) if norm.affine else None
                self.register_parameter(f"{name}_{normed}", gates)
            self.register_parameter(f"{name}_memory", values if norm.affine else None)

    def sums(self, given: Tensor, weight: Tensor, offset: Tensor) -> Sums:
        steps, parts = given.unbind(0), GATES * self.groups
        size = given.shape[2] // parts
        shift = offset if self.shift_gates is None else self.shift_gates + offset

        def sums(step: int, state: Tensor) -> Tensor:
            plain = torch.addmm(steps[step], state, weight.t())
            # one norm of four rows an example: two thirds of group_norm's time
            normed = F.layer_norm(plain.unflatten(1, (parts, size)), (size,), eps=self.eps).flatten(1)
            return affine(normed, self.gain_gates, shift)

        return sums

    def memory(self, memory: Tensor, step: int) -> Tensor:
        return self.normed(memory, self.gain_memory, self.shift_memory)

    def normed(self, values: Tensor, gain: Tensor | None, shift: Tensor | None) -> Tensor:
        """Return gain · norm(values) + shift over all features, or over each of the groups; (N, F) -> the same."""
        if self.groups == 1:
            return F.layer_norm(values, [*values.shape[1:]], gain, shift, self.eps)
        return F.group_norm(values, self.groups, gain, shift, self.eps)


class PaperLayerNorms(LayerNorms):
    """norm(W_x x) + norm(W_h h), each over the four gates together, and the memory before the output.

    Args:
        norm, gain, shift: as in `LayerNorms`; of a group norm, the groups divide the four gates together.

    Source: Ba, Kiros, Hinton, 2016, supplement, eq. 20-22. Differs from the paper: its b, a third shift of the same
    sums, is not learned; forget_bias is its constant part.
    """

    normed_sums = ("input", "state")

    gain_input: Tensor
    shift_input: Tensor
    gain_state: Tensor
    shift_state: Tensor

    def __init__(self, norm: nn.GroupNorm, gain: float | None, shift: float | None):
        if not norm.affine:  # W_x x would have a bias of its own, and that within its norm
            raise ValueError("model.layer_norm=paper learns gains and shifts: set norm.affine=true")
        super().__init__(norm, gain, shift)

    def sums(self, given: Tensor, weight: Tensor, offset: Tensor) -> Sums:
        of_input = self.normed(given.flatten(0, 1), self.gain_input, self.shift_input + offset)
        steps = of_input.unflatten(0, given.shape[:2]).unbind(0)
        return lambda step, state: steps[step] + self.normed(F.linear(state, weight), self.gain_state, self.shift_state)


class StepNorms(nn.Module):
    """A batch norm for each time step, without gain and shift; (N, F) -> the same.

    Steps beyond the last norm use its statistics; in training they use their batch's, and keep none.
    """

    def __init__(self, make: Callable[[int], nn.Module], features: int, steps: int):
        super().__init__()
        self.steps = nn.ModuleList(make(features) for _ in range(steps))
        for norm in self.steps:
            norm.affine, norm.weight, norm.bias = False, None, None  # type: ignore[assignment]

    def forward(self, input: Tensor, step: int) -> Tensor:
        norm = self.steps[min(step, len(self.steps) - 1)]
        assert isinstance(norm, _BatchNorm)
        if norm.training and step >= len(self.steps):  # of norms alone, where statistics are taken anew
            return F.batch_norm(input, None, None, training=True, eps=norm.eps)
        output: Tensor = norm(input)
        return output


class BatchNorms(nn.Module):
    """gain_x · norm(W_x x) + gain_h · norm(W_h h) + shift; for the memory before the output gain · norm(c) + shift.

    Statistics are separate for each batch and time step; gains and shifts are shared by all steps. An initial gain of
    0.1 (`norm.gain=0.1`) keeps the tanh from saturating (§4 of the paper); the default is the axis's, 1.

    Args:
        make: features -> the axis's norm.
        units: H.
        steps: the most steps in training, each with its own statistics.

    Source: Cooijmans, Ballas, Laurent, Gülçehre, Courville, ICLR 2017, §3, also for the last step's statistics beyond
    the trained steps.
    """

    keeps_normed = False

    gain_input: Tensor | None
    gain_state: Tensor | None
    shift_gates: Tensor | None
    gain_memory: Tensor | None
    shift_memory: Tensor | None

    def __init__(self, make: Callable[[int], nn.Module], units: int, steps: int):
        super().__init__()
        like = make(units)
        assert isinstance(like, _BatchNorm)
        self.input, self.state = (StepNorms(make, GATES * units, steps) for _ in range(2))
        self.cell = StepNorms(make, units, steps)
        for name, values, times in (
            ("gain_input", like.weight, GATES),
            ("gain_state", like.weight, GATES),
            ("shift_gates", like.bias, GATES),
            ("gain_memory", like.weight, 1),
            ("shift_memory", like.bias, 1),
        ):
            self.register_parameter(name, nn.Parameter(values.detach().repeat(times)) if like.affine else None)

    def sums(self, given: Tensor, weight: Tensor, offset: Tensor) -> Sums:
        steps = given.unbind(0)
        shift = offset if self.shift_gates is None else self.shift_gates + offset

        def sums(step: int, state: Tensor) -> Tensor:
            of_input = affine(self.input(steps[step], step), self.gain_input, shift)
            return affine(self.state(F.linear(state, weight), step), self.gain_state, of_input)

        return sums

    def memory(self, memory: Tensor, step: int) -> Tensor:
        normed: Tensor = self.cell(memory, step)
        return normed if self.shift_memory is None else affine(normed, self.gain_memory, self.shift_memory)


def affine(normed: Tensor, gain: Tensor | None, shift: Tensor) -> Tensor:
    """Return gain · normed + shift, or without a gain."""
    return normed + shift if gain is None else torch.addcmul(shift, normed, gain)


Norms = Unnormalized | LayerNorms | BatchNorms


def norms_of(
    make: Callable[[int], nn.Module],
    units: int,
    steps: int,
    *,
    layer_norm: str,
    gain: float | None,
    shift: float | None,
) -> Norms:
    """Return the LSTM form of a norm (features -> norm); ValueError if it has none."""
    norm = make(units)
    if isinstance(norm, nn.GroupNorm):
        if layer_norm == "paper":
            return PaperLayerNorms(norm, gain, shift)
        return LayerNorms(norm, gain, shift, keeps_normed=layer_norm == "tensorflow")
    if layer_norm != "gates":
        raise ValueError(f"model.layer_norm={layer_norm} is a form of norm=layer and norm=group: set one of these")
    if gain is not None or shift is not None:
        raise ValueError(
            "model.gain and model.shift are the first values of norm=layer and norm=group, and must be null with "
            "another norm; norm=batch has norm.gain and norm.shift"
        )
    if isinstance(norm, nn.Identity):
        return Unnormalized()
    if isinstance(norm, nn.BatchNorm1d | nn.SyncBatchNorm):
        return BatchNorms(make, units, steps)
    raise ValueError(
        f"model=lstm takes norm=layer, group, batch, none, weight or spectral, got {type(norm).__name__}, "
        f"which has no form in a cell"
    )
