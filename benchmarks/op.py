"""DropBlock and dropout, forward and backward, against the memory floor and their peers: `python benchmarks/op.py`.

The floor is `x.mul`, forward and backward. Shapes are those of the last groups of a ResNet-50 at 224 px and of CIFAR
nets, p = 0.1. On a GPU the floor is the same, times are of the device, and memory formats and dtypes are a GPU's.

    --quick     block 7 at two shapes, a few rounds
    --threads   torch's; 1, as a cell has
"""

import torch
import torch.nn.functional as F
import torchvision
from measure import arguments, interleaved, keep, ratio, show
from torch import Tensor

from dropgrid.execution.worker import keep_memory
from dropgrid.masks import positions, sparse
from dropgrid.regularizers.dropblock import drop_block2d
from dropgrid.regularizers.dropout import Dropout

SHAPES = [(32, 1024, 14, 14), (32, 2048, 7, 7), (128, 64, 8, 8), (128, 256, 8, 8), (128, 128, 16, 16)]
P = 0.1


def without_numba(x: Tensor, block: int) -> Tensor:
    """Ours as it is where Numba is not installed."""
    kept = positions.native
    positions.native = sparse.native = lambda: None
    try:
        return drop_block2d(x, P, block, key=KEY)
    finally:
        positions.native = sparse.native = kept


def ops(block: int) -> dict:
    """Names to functions of x; the first is the floor."""
    found = {
        "floor": lambda x: x.mul(1.1),
        "dropgrid": lambda x: drop_block2d(x, RATE, block, key=KEY),
        "torchvision": lambda x: torchvision.ops.drop_block2d(x, P, block),
    }
    if DEVICE == "cpu":
        found["dropgrid without Numba"] = lambda x: without_numba(x, block)
    if block == 7:
        ours = Dropout(P).to(DEVICE)
        ours.advance(P, 5)
        found["dropgrid's dropout"] = ours
        found["F.dropout"] = lambda x: F.dropout(x, P)
    return found


def both_ways(op, x: Tensor, gradient: Tensor):
    """A call that runs it forward and backward, and waits for the device."""

    def call() -> None:
        op(x).backward(gradient)
        x.grad = None
        if x.is_cuda:
            torch.cuda.synchronize()

    return call


def kept_for_backward(op, x: Tensor) -> float:
    """Bytes saved for backward / bytes of x."""
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (saved.append(t), t)[1], lambda t: t):
        op(x)
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in saved}
    storages.pop(x.untyped_storage().data_ptr(), None)
    return sum(storages.values()) / x.untyped_storage().nbytes()


def main() -> None:
    given = arguments(__doc__, "--quick", threads=True)
    keep_memory()  # as a cell's process does
    shapes, blocks, rounds = (SHAPES[1:4:2], (7,), 15) if given.quick else (SHAPES, (7, 5, 3), 31)
    ratios, memory = {}, {}
    for dtype in (torch.float32,) if DEVICE == "cpu" else (torch.float32, torch.bfloat16):
        for block in blocks:
            for shape in shapes:
                for layout in (torch.contiguous_format, torch.channels_last):
                    x = torch.randn(shape, device=DEVICE, dtype=dtype).contiguous(memory_format=layout)
                    x, gradient = x.requires_grad_(), torch.randn_like(x)
                    named = ops(block)
                    times = interleaved({name: both_ways(op, x, gradient) for name, op in named.items()}, rounds)
                    size = "×".join(map(str, shape[:2])) + f"×{shape[2]}²"
                    case = f"block {block}, {size}, {str(layout).split('.')[-1].removesuffix('_format')}"
                    case += "" if dtype == torch.float32 else ", bfloat16"
                    for name in list(named)[1:]:
                        ratios[f"{case}: {name} / floor"] = ratio(times[name], times["floor"])
                    ratios[f"{case}: torchvision / dropgrid"] = ratio(times["torchvision"], times["dropgrid"])
                    memory[case] = kept_for_backward(named["dropgrid"], x)
    keep("op" if DEVICE == "cpu" else "op_gpu", ratios, kept_for_backward=memory, p=P)
    show(ratios)
    print(f"kept for backward, of x: {min(memory.values()):.2%} to {max(memory.values()):.2%}")


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
KEY = torch.tensor(5, device=DEVICE)
RATE = torch.tensor(P, device=DEVICE)

if __name__ == "__main__":
    main()
