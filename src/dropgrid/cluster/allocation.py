"""What a launcher is asked for: jobs, and cores, GPUs and time of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.execution.slots import threads_of
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell

KINDS = {
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher": "slurm",
    "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher": "ray",
}
"""Launchers whose engines we know."""

LEFT_OPEN = {
    "slurm": ("cpus_per_task", "gpus_per_node"),
    "ray": ("ray.remote.num_cpus", "ray.remote.num_gpus"),
}
"""Their keys for cores and GPUs of a job, which we set if they are null."""

OUR_DEFAULTS: dict[str, dict[str, Any]] = {
    # of timeouts: after each a job goes on from its checkpoint
    "slurm": {"max_num_timeout": 100, "stderr_to_stdout": True},
    # the launcher would set the memory itself, which an existing cluster refuses
    "ray": {"ray.remote.max_retries": 20, "ray.init.object_store_memory": None, "ray.init.log_to_driver": False},
}
"""Values for keys that their launchers leave at nothing, zero or false."""

OURS = "hydra_plugins.dropgrid.launcher.DropgridLauncher"


@dataclass(frozen=True)
class Allocation:
    """The jobs for the cells to train: `jobs` of up to `cells_per_job` cells, `side` at once, on `cores` and `gpus`.

    `kind` is slurm, ray, or empty for another launcher, `minutes` what a job may take, `at_once` how many jobs may run
    together; None if nothing limits that. `settings` are the launcher's keys that were left to us.
    """

    kind: str
    jobs: int
    cells_per_job: int
    side: int
    cores: int
    gpus: int
    minutes: float | None
    at_once: int | None
    settings: Mapping[str, Any]

    def packs(self, cells: Sequence[Cell]) -> list[Sequence[Cell]]:
        """Return the cells of each job, in the plan's order."""
        size = self.cells_per_job
        return [cells[start : start + size] for start in range(0, len(cells), size)]

    def longest(self, seconds: Sequence[float]) -> float:
        """Return the seconds of a job whose cells all take as long as the slowest of those given."""
        return math.ceil(self.cells_per_job / self.side) * max(seconds, default=0.0)

    def text(self) -> str:
        """Return `asks SLURM for an array of 40 jobs, 256 at once, each 1 core for 60 min and 1 cell`."""
        where = {"slurm": "SLURM", "ray": "Ray"}.get(self.kind, "the launcher")
        what = "job" if self.kind != "ray" else "task"
        array = "an array of " if self.kind == "slurm" and self.jobs > 1 else ""
        parts = [f"{array}{counted(self.jobs, what)}"]
        parts += [f"{self.at_once} at once"] if self.at_once and self.jobs > self.at_once else []
        each = [counted(self.cores, "core")] + ([counted(self.gpus, "GPU")] if self.gpus else [])
        limit = f" for {self.minutes:g} min" if self.minutes else ""
        side = f", {self.side} side by side" if self.side > 1 else ""
        held = f"{'up to ' if self.cells_per_job > 1 else ''}{counted(self.cells_per_job, 'cell')}{side}"
        return f"asks {where} for {', '.join(parts)}, each {' and '.join(each)}{limit} and {held}"


def allocation(plan: Plan, cells: Sequence[Cell], launcher: Mapping[str, Any]) -> Allocation:
    """Return what the launcher's config and the plan's `sweep.` ask for; UserError if they contradict each other.

    Args:
        cells: those to train.
        launcher: its composed config, plain values.
    """
    kind = KINDS.get(launcher.get("_target_", ""), "")
    size = checks.whole_number("sweep.cells_per_job", plan.sweep["cells_per_job"], 1, error=UserError)
    keys = LEFT_OPEN.get(kind)
    cores, gpus = (value_at(launcher, key) for key in keys) if keys else (None, None)
    if kind == "slurm":
        gpus = gpus or launcher.get("gpus_per_task")
    threads = max(threads_of(cell) for cell in plan.cells)
    needs_gpu = plan.cells[0].local["trainer"]["accelerator"] != "cpu"
    asked_gpus = math.ceil(gpus) if gpus else int(needs_gpu)
    fitting = max(1, int(cores) // threads) if cores else None
    if plan.jobs != "auto":
        side = checks.whole_number("sweep.jobs", plan.jobs, 1, error=UserError)
    elif needs_gpu:
        side = min(plan.sweep["per_gpu"] * max(1, asked_gpus), fitting or size)
    else:
        side = fitting or 1
    side = min(side, size)
    if fitting is not None and side > fitting:
        raise UserError(
            f"sweep.jobs={plan.jobs} cells of trainer.threads={threads} need {side * threads} cores, a job has "
            f"{cores:g}; ask for more, or use sweep.jobs={fitting}"
        )
    settings = {key: value for key, value in OUR_DEFAULTS.get(kind, {}).items() if not value_at(launcher, key)}
    if keys and not cores:
        settings[keys[0]] = side * threads
    if keys and needs_gpu and not gpus and not launcher.get("gres"):
        settings[keys[1]] = asked_gpus
    return Allocation(
        kind,
        math.ceil(len(cells) / size),
        size,
        side,
        int(cores) if cores else side * threads,
        asked_gpus,
        launcher.get("timeout_min") if kind == "slurm" else None,
        launcher.get("array_parallelism") if kind == "slurm" else None,
        settings,
    )


def value_at(node: Any, key: str) -> Any:
    """Return the value at a dotted key, or None."""
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def counted(number: int, noun: str) -> str:
    """Return `1 core`, `2 cores`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
