"""DropBlock on volumes and lines, forward and backward: `python benchmarks/volumes.py`.

Ratios at drop_prob 0.1: torchvision's `drop_block3d` / ours (it has none in one dimension), and ours / `x.mul`.

    --quick     fewer rounds
"""

from collections.abc import Callable

import torch
import torchvision
from measure import arguments, interleaved, keep, ratio, show
from torch import Tensor

from dropgrid.regularizers.dropblock_nd import drop_block1d, drop_block3d

CASES = {
    "block 5, 8×32×16×16×16": ((8, 32, 16, 16, 16), 5),
    "block 3, 8×32×16×16×16": ((8, 32, 16, 16, 16), 3),
    "block 7, 32×64×512": ((32, 64, 512), 7),
}


def passes(drop: Callable[[Tensor], Tensor], input: Tensor) -> Callable[[], None]:
    """Return a call of forward and backward."""
    gradient = torch.ones_like(input)
    return lambda: drop(input).backward(gradient)


def main() -> None:
    rounds = 7 if arguments(__doc__, "--quick").quick else 25
    ratios = {}
    for case, (shape, block) in CASES.items():
        input = torch.randn(shape).requires_grad_()
        ours = drop_block3d if len(shape) == 5 else drop_block1d
        calls = {
            "ours": passes(lambda x, ours=ours, block=block: ours(x, 0.1, block), input),
            "mul": passes(lambda x: x.mul(1.1), input),
        }
        if len(shape) == 5:
            calls["torchvision"] = passes(lambda x, b=block: torchvision.ops.drop_block3d(x, 0.1, b), input)
        times = interleaved(calls, rounds)
        ratios[f"{case}: dropgrid / x.mul"] = ratio(times["ours"], times["mul"])
        if "torchvision" in times:
            ratios[f"{case}: torchvision / dropgrid"] = ratio(times["torchvision"], times["ours"])
    keep("volumes", ratios)
    show(ratios)


if __name__ == "__main__":
    main()
