"""Cost against work: `python benchmarks/scaling.py`. Draws nothing; `benchmarks/figures.py` does.

- op: microseconds of DropBlock, forward and backward, over the feature size, the block and p, ours and torchvision's.
- sweep: seconds of `train.py` over cells, of a net so small that they are what a cell costs besides training; and the
  largest resident memory of any of its processes.
- plan and report: seconds over cells; reports of cells that nobody trained (`tests/fakes.py`).

Each is fitted by cost = a · work^k between its last points: k is 1 for a straight line.

    --quick     fewer points
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torchvision
from measure import ROOT, arguments, command, interleaved, keep, spread

from dropgrid.execution.worker import keep_memory
from dropgrid.regularizers.dropblock import drop_block2d

sys.path.insert(0, str(ROOT / "tests"))
from fakes import ROWS, Fake

ROUNDS = 15


def op_seconds(shape: Sequence[int], block: int, p: float) -> dict[str, float]:
    """Medians of one op, forward and backward."""
    x, gradient, key = torch.randn(shape).requires_grad_(), torch.randn(shape), torch.tensor(3)

    def call(op: Callable[[torch.Tensor], torch.Tensor]) -> None:
        op(x).backward(gradient)
        x.grad = None

    ops = {
        "floor": lambda: call(lambda x: x.mul(1.1)),
        "dropgrid": lambda: call(lambda x: drop_block2d(x, p, block, key=key)),
        "torchvision": lambda: call(lambda x: torchvision.ops.drop_block2d(x, p, block)),
    }
    return {name: spread(seconds)["median"] for name, seconds in interleaved(ops, ROUNDS).items()}


def op_lines(quick: bool) -> dict[str, dict]:
    """Over cells of the tensor, over the block, over p."""
    sizes = [8, 16, 32] if quick else [8, 12, 16, 24, 32, 48, 64]
    blocks = [1, 7] if quick else [1, 3, 5, 7, 9, 11, 13]
    rates = [0.05, 0.25] if quick else [0.01, 0.025, 0.05, 0.1, 0.25, 0.5]
    over = {
        "size": {64 * 64 * size**2: op_seconds((64, 64, size, size), 7, 0.1) for size in sizes},
        "block": {block: op_seconds((64, 128, 14, 14), block, 0.1) for block in blocks},
        "p": {p: op_seconds((64, 128, 14, 14), 7, p) for p in rates},
    }
    return {
        name: {"work": list(found), **{op: [each[op] for each in found.values()] for op in next(iter(found.values()))}}
        for name, found in over.items()
    }


def sweep(cells: int, outputs: Path) -> tuple[float, float]:
    """Seconds, and MiB of its largest process."""
    line = [
        "scripts/train.py", "-m", "model=resnet14", "model.width=0.25", "data=fake", "data.train=100",
        "data.val=50", "data.test=50", "data.batch_size=50", "trainer.max_epochs=1", "name=scaling",
        f"seed={','.join(map(str, range(cells)))}", f"paths.outputs={outputs}",
    ]  # fmt: skip
    found = command(*line)
    return found["seconds"], found["memory_mb"]


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def planned(cells: int) -> float:
    """Seconds to plan the demo with so many."""
    from dropgrid.planning.plan import plans

    with tempfile.TemporaryDirectory() as place:
        line = ["+ablation=demo", f"seed=range({cells // 8})", f"paths.outputs={place}"]
        return timed(lambda: plans(line))


def reported(cells: int) -> float:
    """Seconds to make the table, figures and page of so many."""
    from dropgrid.reports.report import write_report

    with tempfile.TemporaryDirectory() as place:
        rows = dict(list(ROWS.items())[:8])
        Fake(Path(place)).add(rows, seeds=cells // 8).write()
        return timed(lambda: write_report("demo", Path(place)))


def exponent(work: Sequence[float], cost: Sequence[float]) -> float:
    """k of cost = a · work^k, between the middle point and the last."""
    middle = (len(work) - 1) // 2
    return float(np.log(cost[-1] / cost[middle]) / np.log(work[-1] / work[middle]))


def main() -> None:
    quick = arguments(__doc__, "--quick").quick
    keep_memory()  # as in a cell: else every tensor above 32 MiB is mapped anew
    lines: dict[str, dict] = {f"op over {name}": found for name, found in op_lines(quick).items()}
    counts = [1, 8] if quick else [1, 3, 10, 30, 100]
    with tempfile.TemporaryDirectory() as place:
        sweeps = [sweep(count, Path(place) / str(count)) for count in counts]
    lines["sweep over cells"] = {"work": counts, "seconds": [each[0] for each in sweeps]}
    lines["memory over cells"] = {"work": counts, "MiB": [each[1] for each in sweeps]}
    counts = [16, 160] if quick else [16, 96, 1000, 10_000]
    planned(16), reported(16)  # imports
    lines["plan over cells"] = {"work": counts, "seconds": [planned(count) for count in counts]}
    lines["report over cells"] = {"work": counts, "seconds": [reported(count) for count in counts]}
    ratios = {}
    for name, line in lines.items():
        for what in set(line) - {"work", "floor", "torchvision"}:
            k = exponent(line["work"], line[what])
            ratios[f"{name}: exponent"] = {"median": k, "low": k, "high": k}
            print(f"{name}: {', '.join(f'{w:g}: {c:.3g}' for w, c in zip(line['work'], line[what], strict=True))}")
    keep("scaling", ratios, lines=lines)


if __name__ == "__main__":
    main()
