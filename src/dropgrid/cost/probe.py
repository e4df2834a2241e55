"""Estimates of how long cells take, from a short timed probe of each kind of cell."""

import json
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import cycle, islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from dropgrid.commands import terminal
from dropgrid.cores import cores
from dropgrid.errors import UserError
from dropgrid.execution import forkserver
from dropgrid.execution.slots import variables
from dropgrid.execution.worker import enter
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_json, write_json
from dropgrid.store.layout import WorkerFolder, machine_file
from dropgrid.store.records import read_failure

BUSY = 0.85
"""Share of a core below which a probe was not alone on it."""

KEPT_SECONDS = 30 * 86400
"""Age at which a pace is measured again."""

COSTLY_AXES = ("model", "data", "task")
"""Axes whose every value may change the cost of a step; for the others only the option matters."""

NOT_COSTLY = ("seed", "lr_schedule")
TRAINER_NOT_COSTLY = ("max_epochs", "max_steps")
"""Keys that do not change the cost of a step."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a cell: `start` to set up, `epoch` with its validation, `measure` after training.

    `batches`: of an epoch. `when`: seconds since 1970 at which it was timed. `share`: of a core, that the probe got
    while it computed with one thread; None where that is not known.
    """

    start: float
    epoch: float
    measure: float
    batches: int
    when: float = 0.0
    share: float | None = None

    @property
    def busy(self) -> bool:
        """Whether something else computed beside it."""
        return self.share is not None and self.share < BUSY

    def seconds(self, cell: Cell) -> float:
        """Return the seconds of a cell from start to end."""
        trainer = cell.config["trainer"]
        epochs = trainer["max_epochs"]
        if trainer.get("max_steps", -1) > 0:
            epochs = min(epochs, trainer["max_steps"] * trainer["accumulate_grad_batches"] / self.batches)
        return float(self.start + epochs * self.epoch + self.measure)


def cost_class(cell: Cell) -> str:
    """Return a key that is equal for cells whose epochs take the same time.

    It holds model, data and batch size, the trainer (precision, memory format, …), threads and device, and the option
    of every other axis.
    """
    about: dict[str, Any] = {}
    for axis, node in cell.config.items():
        if axis == "trainer":
            about[axis] = {k: v for k, v in node.items() if k not in TRAINER_NOT_COSTLY}
        elif axis in COSTLY_AXES or not isinstance(node, Mapping):
            about[axis] = node
        else:
            about[axis] = node.get("option")
    place = [cell.local[axis] for axis in ("trainer", "data")]
    return json.dumps([{k: v for k, v in about.items() if k not in NOT_COSTLY}, place], sort_keys=True)


def measure_cell(cell: Mapping[str, Any], folder: Path) -> None:
    """Time a cell in a probe's process."""
    from dropgrid.cost.step_timer import time_training

    time_training(cell, folder)


def measure_paces(plan: Plan, cells: Sequence[Cell], slots: int) -> dict[str, Pace]:
    """Return cost class -> pace, from a probe of each cell, `slots` at a time.

    The first cells are probed again to fill the slots, so that each probe runs beside as many others as in training.

    Raises:
        UserError: a probe failed, with its last line: the cell would have too.
    """
    if not cells:
        return {}
    count = math.ceil(len(cells) / slots) * slots
    waiting = list(islice(cycle(cells), count))
    found: dict[str, list[Pace]] = {}
    free = list(range(slots))
    running: dict[int, RunningProbe] = {}
    folder = tempfile.TemporaryDirectory(prefix="dropgrid-probe-")
    with folder as place, progress_line(count) as show_progress, killed_at_exit(running):
        while waiting or running:
            while waiting and free:
                one = RunningProbe(plan, waiting.pop(0), free.pop(0), Path(place) / str(len(waiting)))
                running[one.child.sentinel] = one
            show_progress(count - len(waiting) - len(running), [each.cell.row for each in running.values()])
            for sentinel in wait(list(running)):
                one = running.pop(sentinel)  # type: ignore[arg-type]
                free.append(one.slot)
                found.setdefault(cost_class(one.cell), []).append(one.pace())
    return {key: mean_pace(each) for key, each in found.items()}


class RunningProbe:
    """A probe and its process."""

    def __init__(self, plan: Plan, cell: Cell, slot: int, folder: Path):
        folder.mkdir()
        self.cell, self.slot, self.folder = cell, slot, folder
        self.begun = time.perf_counter()
        given = (measure_cell, plan.supervised(cell), folder, variables(cell, slot))
        self.child = forkserver.start(enter, given, "probe")

    def pace(self) -> Pace:
        """Wait for the probe to end; return what it measured."""
        self.child.join()
        pace = read_json(self.folder / "pace.json")
        if pace is None:
            kind, message = forkserver.exit_failure(self.child)
            why = {"class": kind, "message": message} | (read_failure(WorkerFolder(self.folder)) or {})
            raise UserError(f"row {self.cell.row!r} does not train here: {why['class']}: {why['message']}")
        timed = (pace["setup"], pace["epoch"], pace["measure"], pace["batches"])
        return Pace(*timed, when=time.time(), share=pace.get("share"))


@contextmanager
def killed_at_exit(running: Mapping[int, RunningProbe]) -> Iterator[None]:
    """Kill all running probes on exit."""
    try:
        yield
    finally:
        for one in running.values():
            one.child.kill()
            one.child.join()


@contextmanager
def progress_line(count: int) -> Iterator[Any]:
    """Show the progress of the probes on stderr; yield the function that updates it."""
    console = terminal(stderr=True)
    with console.status("measuring") as status:
        yield lambda done, rows: status.update(
            f"measuring how fast cells train: {done} of {count} probes done, now {', '.join(rows)}"
        )


def mean_pace(paces: Sequence[Pace]) -> Pace:
    """Return the mean of several paces."""
    n = len(paces)
    return Pace(
        sum(each.start for each in paces) / n,
        sum(each.epoch for each in paces) / n,
        sum(each.measure for each in paces) / n,
        paces[0].batches,
        when=paces[0].when,
        share=None if any(each.share is None for each in paces) else sum(each.share or 0.0 for each in paces) / n,
    )


def pace_file(cache: Path, key: str) -> Path:
    """Return the file of the pace of cells of a kind, by this code on this machine."""
    import torch  # here: a mistaken command need not wait for it

    from dropgrid.store.environment import SOURCE, capability, processor

    machine = [processor(), cores(), capability(torch.device("cpu")), SOURCE]
    return machine_file(cache, "paces", sha256(json.dumps([key, machine]).encode()).hexdigest()[:16])


def kept_pace(cache: Path, key: str) -> Pace | None:
    """Return the pace that was kept for a kind of cell; None if there is none, or if it is too old."""
    with suppress(TypeError, AttributeError, UserError):  # there is none, or it is damaged
        found = read_json(pace_file(cache, key))
        sound = all(isinstance(value, int | float) or key == "share" for key, value in found.items())
        return Pace(**found) if sound and time.time() - found["when"] < KEPT_SECONDS else None
    return None


def keep_paces(cache: Path, paces: Mapping[str, Pace]) -> None:
    """Keep paces for later plans, but for those timed while the machine was busy."""
    for key, pace in paces.items():
        if not pace.busy:
            write_json(pace_file(cache, key), asdict(pace))
