"""One layer of an LSTM (Hochreiter, Schmidhuber, 1997), with the norms made for it.

    i, f, o, j = the four gates' sums, of the input x_t and the state h_{t-1}, H units each
    c_t = c_{t-1} · σ(f + forget_bias) + σ(i) · dropout(g(j))
    h_t = g(norm(c_t)) · σ(o)

The rows of both weights stand in the order i, f, o, j. For the norms see `dropgrid.models.recurrent_norms`.
"""

from functools import partial

import torch
from torch import Tensor, nn

from dropgrid.models.layers import Linear
from dropgrid.models.parts import Parts
from dropgrid.models.recurrent_norms import GATES, norms_of


class LSTMLayer(nn.Module):
    """(N, T, D) -> the state after each step, T times (N, H).

    Sites: `sequence` on its input; `recurrent`, the factor of the candidate's update, for which a regularizer gets ones
    (N, T, H), and so makes its masks of all steps at once; the weights of input and state, each taken once a sequence.

    Args:
        units: H.
        steps: the most steps in training.
        forget_bias: a constant added to the forget gate, after its norm.
        inner: g, the activation of candidate and output.
        layer_norm: the form of layer norm and group norm, one of `LAYER_NORMS`.
        gain, shift: initial gain and shift of a layer norm; None: the norm's own.
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
        layer_norm: str,
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
        self.norms = norms_of(partial(norm_after, parts), units, steps, layer_norm=layer_norm, gain=gain, shift=shift)
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
        """Run the recurrence, from W_x x + b of all steps (T, N, 4H) and W_h."""
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
            normed = norms.memory(memory, step)
            state = inner(normed) * o
            if norms.keeps_normed:
                memory = normed
            states.append(state)
        return states


def norm_after(parts: Parts, features: int) -> nn.Module:
    """Return the configured norm of `features` after a linear layer."""
    return parts.norm(partial(Linear, 1, features, device="meta"), features)[1]
