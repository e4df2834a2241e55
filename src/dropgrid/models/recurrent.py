"""A layer of an LSTM (Hochreiter, Schmidhuber, 1997), with the norms made for it.

    i, f, o, j = the four gates' sums, of the input x_t and the state h_{t-1}, H units each
    c_t = c_{t-1} · σ(f + forget_bias) + σ(i) · dropout(g(j))
    h_t = g(norm(c_t)) · σ(o)

The rows of both weights, and what is learned of the gates, stand in the order i, f, o, j.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid.models.layers import Linear
from dropgrid.models.parts import Parts

GATES = 4

Sums = Callable[[int, Tensor], Tensor]
"""(step, state (N, H)) -> the four gates of the step, (N, 4H), with the forget bias."""


class Unnormalized(nn.Module):
    """W_x x + W_h h + b; the output reads the memory as it is. So too of norms that act on weights."""

    def sums(self, given: Tensor, weight: Tensor, offset: Tensor) -> Sums:
        """From W_x x + b of all steps (T, N, 4H), W_h (4H, H) and what is added to the gates at the end (4H)."""
        steps = (given + offset).unbind(0)
        return lambda step, state: torch.addmm(steps[step], state, weight.t())

    def memory(self, memory: Tensor, step: int) -> Tensor:
        """Return the normalized memory that the output reads, (N, H) -> the same."""
        return memory


class LayerNorms(nn.Module):
    """norm(W_x x + W_h h) of each gate alone, and of the memory before the output, each with a gain and a shift.

    Args:
        norm: the axis's of H features: layer norm, or group norm, whose groups each gate has.
        gain, shift: their first values; None: the axis's, 1 and 0.

    Source: Ba, Kiros, Hinton, 2016, as TensorFlow's LayerNormBasicLSTMCell has it. Differs from the paper: there W_x x
    and W_h h have a norm each, over the four gates together (supplement, eq. 20-22).
    """

    gain_gates: Tensor | None
    shift_gates: Tensor | None
    gain_memory: Tensor | None
    shift_memory: Tensor | None

    def __init__(self, norm: nn.GroupNorm, gain: float | None, shift: float | None):
        super().__init__()
        if not norm.affine and (gain, shift) != (None, None):
            raise ValueError("model.gain and model.shift must be null where norm.affine=false learns none")
        self.groups, self.eps = norm.num_groups, norm.eps
        for name, values, start in (("gain", norm.weight, gain), ("shift", norm.bias, shift)):
            if start is not None:
                nn.init.constant_(values, start)
            self.register_parameter(
                f"{name}_gates", nn.Parameter(values.detach().repeat(GATES)) if norm.affine else None
            )
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
        if self.groups == 1:
            return F.layer_norm(memory, [*memory.shape[1:]], self.gain_memory, self.shift_memory, self.eps)
        return F.group_norm(memory, self.groups, self.gain_memory, self.shift_memory, self.eps)


class StepNorms(nn.Module):
    """A batch norm for each time step, without gain and shift; (N, F) -> the same.

    Steps beyond the last that has one take that one's statistics, in training those of their batch, and leave none.
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
    """gain_x · norm(W_x x) + gain_h · norm(W_h h) + shift, and of the memory before the output gain · norm(c) + shift.

    Statistics are of the batch and of each time step alone; gains and shifts are those of all steps. An initial gain of
    0.1 (`norm.gain=0.1`) keeps the tanh from saturating (§4 of the paper); ours is the axis's, 1.

    Args:
        make: features -> the axis's norm.
        units: H.
        steps: that training has at most, each with statistics of its own.

    Source: Cooijmans, Ballas, Laurent, Gülçehre, Courville, ICLR 2017, §3; beyond the steps trained the
    statistics of the last, as there.
    """

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
    """gain · normed + shift, or without a gain."""
    return normed + shift if gain is None else torch.addcmul(shift, normed, gain)


Norms = Unnormalized | LayerNorms | BatchNorms


def norms_of(
    make: Callable[[int], nn.Module], units: int, steps: int, gain: float | None, shift: float | None
) -> Norms:
    """Return the form in a cell of the axis's norm (features -> norm); ValueError if it has none."""
    norm = make(units)
    if isinstance(norm, nn.GroupNorm):
        return LayerNorms(norm, gain, shift)
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


class LSTMLayer(nn.Module):
    """(N, T, D) -> the state after each step, T times (N, H).

    Sites: `sequence` on its input; `recurrent`, the factor of the candidate's update, for which a regularizer gets ones
    (N, T, H), and so makes its masks of all steps at once; the weights of input and state, each taken once a sequence.

    Args:
        units: H.
        steps: that training has at most.
        forget_bias: a constant added to the forget gate, after its norm.
        inner: g, of candidate and output.
        gain, shift: the first values of a layer norm's; None: the norm's own.
    """

    offset: Tensor

    def __init__(
        self,
        parts: Parts,
        name: str,
        inputs: int,
        units: int,
        group: int,
        *,
        steps: int,
        forget_bias: float,
        inner: nn.Module,
        gain: float | None,
        shift: float | None,
    ):
        super().__init__()
        self.units = units
        self.drop_sequence = parts.site(f"{name}.sequence", "sequence", group, group)
        self.drop = parts.site(name, "recurrent", group, group)
        # the norm is one gate's
        from_input, _ = parts.layer(partial(Linear, inputs, GATES * units), units, None)
        from_state, _ = parts.layer(partial(Linear, units, GATES * units), units, False)
        assert isinstance(from_input, Linear) and isinstance(from_state, Linear)
        self.from_input, self.from_state = from_input, from_state
        for path, layer in (("from_input", from_input), ("from_state", from_state)):
            parts.weight(layer, f"{name}.{path}", group, group, recurrent=True)
        self.norms = norms_of(partial(norm_after, parts), units, steps, gain, shift)
        self.inner = inner
        offset = torch.zeros(GATES * units)
        offset[units : 2 * units] = forget_bias
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, sequence: Tensor) -> list[Tensor]:
        sequence = self.drop_sequence(sequence)
        factor = None
        if not isinstance(self.drop, nn.Identity):
            ones = sequence.new_ones(()).expand(*sequence.shape[:2], self.units)
            factor = self.drop(ones).unbind(1)
        given = self.from_input(sequence.transpose(0, 1))
        states: list[Tensor] = []

        def recurrence(given: Tensor, weight: Tensor, _: Tensor | None) -> Tensor:
            states[:] = self.states(given, weight, factor)
            return states[-1]

        weight, through = self.from_state.weight, self.from_state.through
        if isinstance(through, nn.Identity):
            recurrence(given, weight, None)
        else:
            through(given, weight, None, recurrence)
        return states

    def states(self, given: Tensor, weight: Tensor, factor: tuple[Tensor, ...] | None) -> list[Tensor]:
        """The recurrence, from W_x x + b of all steps (T, N, 4H) and W_h."""
        units, inner, norms = self.units, self.inner, self.norms
        sums = norms.sums(given, weight, self.offset)
        state = memory = given.new_zeros(given.shape[1], units, dtype=self.offset.dtype)
        states = []
        for step in range(len(given)):
            gates, candidate = sums(step, state).split((3 * units, units), 1)
            i, f, o = torch.sigmoid(gates).chunk(3, 1)
            update = inner(candidate)
            if factor is not None:
                update = update * factor[step]
            memory = torch.addcmul(i * update, memory, f)
            state = inner(norms.memory(memory, step)) * o
            states.append(state)
        return states


def norm_after(parts: Parts, features: int) -> nn.Module:
    """Return the axis's norm of `features` after a linear layer."""
    return parts.norm(partial(Linear, 1, features, device="meta"), features)[1]
