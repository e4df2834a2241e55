"""Cells on their way to where they train: packed into one override, trained there as the local engine would."""

import base64
import json
import os
import signal
import sys
import tempfile
import threading
import types
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dropgrid.cluster.archive import collect
from dropgrid.commands import terminal
from dropgrid.errors import UserError
from dropgrid.execution.live_view import Watch
from dropgrid.execution.pool import Pool, policy
from dropgrid.execution.supervisor import Stop, warm
from dropgrid.planning.types import Cell, Plan, modules
from dropgrid.store.identity import cell_id

KEY = "pack"
"""The override that carries the cells: any launcher takes overrides, and none needs to know more."""

TOKEN = ".folder"
"""A file of the outputs folder, by whose content a job knows whether it sees the same folder."""

BEAT = 10.0
"""Seconds; each is a file written, on the server that the cells share."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""That the job is to end: by Ctrl-C, by its engine, or by SLURM shortly before its time is over."""


@dataclass(frozen=True)
class Pack:
    """Cells of a plan for one job, `jobs` of them side by side.

    Args:
        cells: as dicts.
        outputs: the folder, absolute.
        token: the content of its `TOKEN`; empty where the engine itself needs a shared folder.
        place: the folder that relative paths start from.
        asked: Unix time at which the sweep asked for them.
    """

    name: str
    cells: Sequence[Mapping[str, Any]]
    outputs: str
    token: str
    place: str
    jobs: int
    asked: float

    def override(self) -> str:
        """As an override."""
        packed = zlib.compress(json.dumps(asdict(self)).encode(), 9)
        return f"+{KEY}='{base64.urlsafe_b64encode(packed).decode()}'"

    @classmethod
    def read(cls, text: str) -> "Pack":
        """From the override's value."""
        return cls(**json.loads(zlib.decompress(base64.urlsafe_b64decode(text))))

    def plan(self, outputs: Path) -> Plan:
        """The cells as a plan whose outputs lie there."""
        place = {"outputs": str(outputs), "cache": str(outputs / ".cache")}
        cells = [slower(Cell(**each)) for each in self.cells]
        if outputs != Path(self.outputs):
            cells = [replace(cell, local={**cell.local, "paths": {**cell.local["paths"], **place}}) for cell in cells]
        return Plan(self.name, {}, cells, outputs, self.jobs, [])

    def shared(self) -> bool:
        """Whether this machine sees the sweep's outputs."""
        if not self.token:
            return True
        try:
            return (Path(self.outputs) / TOKEN).read_text() == self.token
        except OSError:
            return False


def slower(cell: Cell) -> Cell:
    """The cell, which gives a sign of life every `BEAT` seconds unless `sweep.beat_seconds` says how often."""
    sweep = cell.local["sweep"]
    every = sweep["beat_seconds"] or min(BEAT, 10 * sweep["hang_minutes"])  # six before it counts as hung
    return replace(cell, local={**cell.local, "sweep": {**sweep, "beat_seconds": every}})


def train_pack(cfg: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The task function that launchers are given: how each of the pack's cells has ended.

    Where the outputs are not shared a cell's files come with it, under `files`. When the job is asked to stop, its
    cells write checkpoints; then whatever handled the signal before does its part (submitit queues the job again).
    """
    pack = Pack.read(cfg[KEY])
    if Path(pack.place).is_dir():
        os.chdir(pack.place)
    with tempfile.TemporaryDirectory(prefix="dropgrid-") as beside, bare_main():
        shared = pack.shared()
        outputs = Path(pack.outputs if shared else beside)
        ended = train_here(pack.plan(outputs), pack)
        if shared:
            return ended
        return [{**each, "files": collect(outputs, each["cell"])} for each in ended]


def train_here(plan: Plan, pack: Pack) -> list[dict[str, Any]]:
    """The cells, as the local engine trains them; a line for each in the job's log."""
    stop, console = Stop(), terminal(force_terminal=False)
    cells = list({cell.id: cell for cell in plan.cells}.values())
    jobs, rules = min(pack.jobs, len(cells)), policy(plan, pack.asked)
    with signals(stop, lambda: warm(modules(plan.configs))) as pass_on:
        with Watch(plan.name, len(cells), jobs, plan.outputs, console) as watch:
            outcomes = Pool(plan, train_same, jobs, watch, rules, stop).run(cells)
    through = [each for each in outcomes if each.status != "stopped"]
    if len(through) < len(cells):
        pass_on()
    return [{"cell": each.cell, "status": each.status, "failure": each.failure} for each in outcomes]


def train_same(cell: Mapping[str, Any], folder: Path) -> None:
    """What a cell's process runs: as everywhere, once it is sure that data and weights are those of the plan."""
    from dropgrid.planning.fingerprints import Fingerprints
    from dropgrid.training.train import train

    config = deepcopy(dict(cell["config"]))
    Fingerprints().add_fingerprints(config, cell["local"])
    if cell_id(config) != cell["id"]:
        raise UserError("the data, or the file of init.path, is another here than where the sweep was planned")
    train(cell, folder)


@contextmanager
def signals(stop: Stop, start: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Signals ask the cells to stop, SIGINT twice at once; gives what to call when they have: it calls the handlers
    from before, and ends the process.

    `start` begins processes, which inherit that these signals are ignored: SLURM sends them to all there are.
    """
    if threading.current_thread() is not threading.main_thread():  # of a launcher that has threads
        start()
        yield lambda: None
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    start()
    seen: list[int] = []

    def ask(number: int, _: Any) -> None:
        if number == signal.SIGINT and number in seen:
            stop.at_once.set()
        seen.append(number)
        stop.asked.set()

    def pass_on() -> None:
        for number in dict.fromkeys(seen):
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, None)
        if seen:
            sys.exit(130)

    try:
        for number in SIGNALS:
            signal.signal(number, ask)
        yield pass_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def bare_main() -> Iterator[None]:
    """A main module without a file: else every cell's process would run that of the engine's worker first."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
