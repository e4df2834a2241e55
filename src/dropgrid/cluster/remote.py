"""The engine of any Hydra launcher: packs of cells are its jobs; cells of lost jobs are launched again."""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from dropgrid.cluster.allocation import KINDS, Allocation, allocation
from dropgrid.cluster.archive import unpack_files
from dropgrid.cluster.job import Pack, packed_cell
from dropgrid.cluster.progress import Progress
from dropgrid.cost.price import budget_seconds
from dropgrid.errors import UserError
from dropgrid.execution.engine import AbstractEngine
from dropgrid.execution.supervisor import Policy
from dropgrid.files import write_once
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.layout import Outputs
from dropgrid.store.records import is_finished, read_failure

Launch = Callable[[Sequence[Sequence[str]], Mapping[str, Any]], Iterable[Any]]
"""Jobs' overrides, and settings of the launcher that are ours to make -> Hydra's JobReturns, once all are through."""


class RemoteEngine(AbstractEngine):
    """Trains cells as jobs of a launcher.

    A job that ends before each of its cells has a result or a failure was lost (cancelled, its node gone), or failed
    before it began: its cells are jobs again, `sweep.retries.Lost` times, unless no cell of a launch ended.
    Ctrl-C calls the jobs back, and they write checkpoints.

    Args:
        launcher: its composed config, plain values.
        launch: see `Launch`.
    """

    def __init__(self, launcher: Mapping[str, Any], launch: Launch):
        self.launcher, self.launch = launcher, launch

    def expect(self, outputs: Path, name: str, configs: Sequence[Mapping[str, Any]]) -> None:
        pass  # they start in their jobs

    def ready(self, plans: Sequence[Plan], waiting: bool) -> None:
        available(self.launcher)
        for plan in plans:
            allocation(plan, plan.cells, self.launcher)
            if budget_seconds(plan) is not None:
                raise UserError("sweep.budget needs the slots of this machine: without hydra/launcher, or leave it out")

    def afford(self, plans: Sequence[Plan]) -> None:
        pass  # refused before

    def evaluation_jobs(self, plan: Plan) -> int | str:
        return "auto"

    def run(self, plan: Plan, cells: Sequence[Cell], rules: Policy, console: Console) -> bool:
        asked, again = time.time(), rules.retries.get("Lost", 0)
        while cells:
            asks = allocation(plan, cells, self.launcher)
            console.print(f"{plan.name} {asks.text()}", soft_wrap=True)
            try:
                with interruptible(), jobs_of(asks, self.launcher), Progress(cells, console):
                    self.hand_over(plan, asks, cells, asked, console)
            except KeyboardInterrupt:
                return True
            left = [cell for cell in cells if was_lost(cell)]
            if not left or not again or len(left) == len(cells):
                return False
            again -= 1
            console.print(f"{len(left)} of {len(cells)} cells were lost with their jobs: once more")
            cells = left
        return False

    def hand_over(self, plan: Plan, asks: Allocation, cells: Sequence[Cell], asked: float, console: Console) -> None:
        """Launch the packs, wait, and unpack what they return."""
        outputs = plan.outputs.resolve()
        token = "" if asks.kind == "slurm" else folder_token(outputs)  # submitit itself needs a shared folder
        place = os.getcwd()
        packs = [
            Pack(plan.name, [packed_cell(cell) for cell in each], str(outputs), token, place, asks.side, asked)
            for each in asks.packs(cells)
        ]
        try:
            returned = list(self.launch([[pack.override()] for pack in packs], asks.settings))
        except UserError:
            raise
        except Exception as error:  # the engine's own: what is not through is seen from the files
            print_lost_job(error, console)
            return
        for each in job_results(returned, console):
            why = unpack_files(each["files"], outputs, each["cell"]) if each.get("files") else ""
            if why:
                console.print(f"cell {each['cell']}: {why}", style="yellow")


def job_results(returned: Sequence[Any], console: Console) -> Iterator[Mapping[str, Any]]:
    """Yield how each cell ended, job by job; a job that was lost is reported, and the others are read."""
    for job in returned:
        try:
            yield from job.return_value  # raises what the job raised
        except UserError:
            raise
        except Exception as error:
            print_lost_job(error, console)


def print_lost_job(error: Exception, console: Console) -> None:
    """Print that a job was lost, and why."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    console.print(f"a job was lost: {first}", style="yellow", soft_wrap=True)


def available(launcher: Mapping[str, Any]) -> None:
    """Raise UserError if the launcher is SLURM's and there is no sbatch."""
    if KINDS.get(str(launcher.get("_target_"))) == "slurm" and shutil.which("sbatch") is None:
        raise UserError("there is no sbatch here: start the sweep on a machine from which SLURM takes jobs")


def was_lost(cell: Cell) -> bool:
    """Predicate: a cell that was handed over has neither result nor failure."""
    return not is_finished(cell.run) and read_failure(cell.run) is None


def folder_token(outputs: Path) -> str:
    """Return the token of an outputs folder, made if it has none."""
    token = Outputs(outputs).token
    write_once(token, lambda file: file.write(secrets.token_hex(16).encode()))
    return token.read_text()


def jobs_of(asks: Allocation, launcher: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return the context that an engine needs while its jobs run."""
    if asks.kind == "slurm":
        from dropgrid.cluster.slurm import watched

        return watched()
    if asks.kind == "ray":
        from dropgrid.cluster.ray_cluster import connected

        ours = {key.removeprefix("ray.init."): value for key, value in asks.settings.items() if "ray.init." in key}
        return connected({**launcher["ray"]["init"], **ours})
    return nullcontext()


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C while the context lasts."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
