"""Our LSTM against plain cells in a loop, scripted by torch: `python benchmarks/lstm.py`.

A training pass, forward and backward, over the 28 rows of a batch of digits at three sizes. The plain loop takes the
input of a step when it comes to it, as torch's own example of custom LSTMs does (benchmarks/fastrnns); with layer
norm it has the same norms as ours, model.layer_norm=gates. Both have the same weights, and the benchmark fails where
their results differ. Ratios are our seconds / the plain loop's.

    --quick     one size, a few rounds
    --threads   torch's; 1, as a cell has
"""

import warnings

import torch
from measure import arguments, interleaved, keep, ratio, show
from torch import Tensor, nn

from dropgrid.execution.worker import keep_memory
from dropgrid.models.lstm import LSTM
from dropgrid.norms.layer import layer as layer_norm
from dropgrid.norms.none import none

SIZES = [(50, 64), (50, 128), (128, 256)]
"""Of the batch and of the state."""

NORMS = {"none": "without norm", "layer": "with layer norm"}

ROWS = COLUMNS = 28
EPS = 1e-5


def plain_loop(rows: Tensor, weights: Tensor, recurrent: Tensor, bias: Tensor, forget_bias: float) -> Tensor:
    """The last state, (T, N, D) -> (N, H)."""
    units = recurrent.size(1)
    h = torch.zeros(rows.size(1), units)
    c = torch.zeros(rows.size(1), units)
    for x in rows.unbind(0):
        i, f, o, j = (torch.mm(x, weights.t()) + torch.mm(h, recurrent.t()) + bias).chunk(4, 1)
        c = c * torch.sigmoid(f + forget_bias) + torch.sigmoid(i) * torch.tanh(j)
        h = torch.tanh(c) * torch.sigmoid(o)
    return h


def normed_loop(
    rows: Tensor,
    weights: Tensor,
    recurrent: Tensor,
    gain: Tensor,
    shift: Tensor,
    c_gain: Tensor,
    c_shift: Tensor,
    forget_bias: float,
    eps: float,
) -> Tensor:
    """The same with layer norm of each gate and of the memory."""
    units = recurrent.size(1)
    h = torch.zeros(rows.size(1), units)
    c = torch.zeros(rows.size(1), units)
    gains, shifts = gain.chunk(4), shift.chunk(4)
    for x in rows.unbind(0):
        gates = (torch.mm(x, weights.t()) + torch.mm(h, recurrent.t())).chunk(4, 1)
        i = torch.layer_norm(gates[0], [units], gains[0], shifts[0], eps)
        f = torch.layer_norm(gates[1], [units], gains[1], shifts[1], eps)
        o = torch.layer_norm(gates[2], [units], gains[2], shifts[2], eps)
        j = torch.layer_norm(gates[3], [units], gains[3], shifts[3], eps)
        c = c * torch.sigmoid(f + forget_bias) + torch.sigmoid(i) * torch.tanh(j)
        h = torch.tanh(torch.layer_norm(c, [units], c_gain, c_shift, eps)) * torch.sigmoid(o)
    return h


def scripted(function):
    """Compiled by torch.jit, which says of itself that it is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(function)


PLAIN, NORMED = scripted(plain_loop), scripted(normed_loop)


def calls(norm: str, batch: int, units: int) -> dict:
    """A training pass of ours, and the plain loop's of the same weights."""
    torch.manual_seed(0)
    option = none if norm == "none" else lambda *about: layer_norm(*about, eps=EPS, affine=True)
    net = LSTM(
        hidden=[units], inner="tanh", forget_bias=1.0, layer_norm="gates", gain=None, shift=None, order="rows",
        permutation_seed=0, train_rows=None, shape=(1, ROWS, COLUMNS), classes=10, norm=option, activation=nn.Tanh,
    )  # fmt: skip
    layer, images = net.layer1, torch.randn(batch, 1, ROWS, COLUMNS)
    weights = [layer.from_input.weight, layer.from_state.weight]
    if norm == "none":
        rest = [layer.from_input.bias]

        def loop(rows: Tensor) -> Tensor:
            return PLAIN(rows, *weights, *rest, 1.0)

    else:
        norms = layer.norms
        rest = [norms.gain_gates, norms.shift_gates, norms.gain_memory, norms.shift_memory]

        def loop(rows: Tensor) -> Tensor:
            return NORMED(rows, *weights, *rest, 1.0, EPS)

    learned = [*weights, *rest, *net.fc.parameters()]

    def ours() -> list[Tensor]:
        return list(torch.autograd.grad(net(images).square().sum(), learned))

    def plain() -> list[Tensor]:
        rows = images[:, 0].transpose(0, 1).contiguous()
        return list(torch.autograd.grad(net.fc(loop(rows)).square().sum(), learned))

    for mine, theirs in zip(ours(), plain(), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-3), "the two compute different things"
    return {"ours": ours, "plain": plain}


def main() -> None:
    given = arguments(__doc__, "--quick", threads=True)
    sizes, rounds = (SIZES[1:2], 15) if given.quick else (SIZES, 41)
    keep_memory()  # as a cell does
    ratios = {}
    for batch, units in sizes:
        both = {(norm, who): call for norm in NORMS for who, call in calls(norm, batch, units).items()}
        times = interleaved(both, rounds, warmup=5)  # torch.jit specializes in the first passes
        for ours, plain in (("none", "none"), ("layer", "layer"), ("layer", "none")):
            name = f"{batch}×{units}: ours {NORMS[ours]} / a scripted loop {NORMS[plain]}"
            ratios[name] = ratio(times[ours, "ours"], times[plain, "plain"])
    keep("lstm", ratios, rows=ROWS)
    show(ratios)


if __name__ == "__main__":
    main()
