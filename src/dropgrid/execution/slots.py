"""How many cells train side by side on this machine, and on which GPU each."""

import os

from dropgrid import checks
from dropgrid.cores import MOST_THREADS, cores
from dropgrid.errors import UserError
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell


def gpus() -> list[str]:
    """Return the GPUs this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each.strip() for each in named.split(",") if each.strip()]
    import torch  # counts them without waking them

    return [str(index) for index in range(torch.cuda.device_count())]


def slots(plan: Plan) -> int:
    """Return how many cells train side by side: `auto` fills the cores with threads, or has `sweep.per_gpu` on a GPU.

    More CPU threads than cores make every cell several times slower, and are refused; several cells on a GPU are not.
    """
    per_gpu = checks.whole_number("sweep.per_gpu", plan.sweep["per_gpu"], 1, error=UserError)
    on_cpu = plan.cells[0].local["trainer"]["accelerator"] == "cpu"
    ranks = max(ranks_of(cell) for cell in plan.cells)
    threads = ranks * max(threads_of(cell) for cell in plan.cells)
    fitting: int = max(1, cores() // threads)
    if plan.jobs == "auto":
        return fitting if on_cpu else max(1, min(per_gpu * len(gpus()) // ranks, fitting))
    jobs = checks.whole_number("sweep.jobs", plan.jobs, 1, also="auto", error=UserError)
    if jobs > fitting:
        raise UserError(
            f"sweep.jobs={jobs} cells of {threads} threads need {jobs * threads} cores, there are "
            f"{cores()}: each cell would run several times slower; use sweep.jobs={fitting}"
        )
    return jobs


def variables(cell: Cell, slot: int) -> dict[str, str]:
    """Return the environment of the cell in a slot: which GPUs it may see, one a rank, slots dealt to them in turn."""
    trainer = cell.local["trainer"]
    if trainer["accelerator"] == "cpu" or trainer["devices"] != 1:
        return {}
    found, ranks = gpus(), ranks_of(cell)
    names = [found[(slot * ranks + rank) % len(found)] for rank in range(ranks)] if found else []
    return {"CUDA_VISIBLE_DEVICES": ",".join(dict.fromkeys(names))} if names else {}


def ranks_of(cell: Cell) -> int:
    """Return how many processes a cell trains in."""
    ranks: int = cell.config["trainer"].get("ranks", 1)
    return ranks


def threads_of(cell: Cell) -> int:
    """Return how many threads a process of a cell computes with; UserError for what is no count."""
    return checks.whole_number("trainer.threads", cell.config["trainer"]["threads"], 1, MOST_THREADS, error=UserError)
