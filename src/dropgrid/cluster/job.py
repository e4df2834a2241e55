"""Jobs of a launcher: cells packed into one override, trained as the local engine trains them."""

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dropgrid.cluster.archive import pack_files
from dropgrid.commands import INTERRUPTED, terminal
from dropgrid.execution.forkserver import warm
from dropgrid.execution.live_view import LiveView
from dropgrid.execution.pool import Pool, policy
from dropgrid.execution.supervisor import Stop
from dropgrid.planning.types import Plan, modules
from dropgrid.store.cell import Cell, Known
from dropgrid.store.layout import Outputs

KEY = "pack"
"""The override that carries the cells: any launcher takes overrides, and none needs to know more."""

BEAT = 10.0
"""Seconds between signs of life; each is a file written on the server that the cells share."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that end a job: by Ctrl-C, by its engine, or by SLURM shortly before its time is over."""


@dataclass(frozen=True)
class Pack:
    """Cells of a plan for one job, `jobs` of them side by side.

    Args:
        cells: as `packed_cell` gives them.
        outputs: the folder, absolute.
        token: the content of its `Outputs.token`; empty if the engine itself needs a shared folder.
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
        """Return the pack as an override."""
        packed = zlib.compress(json.dumps(asdict(self)).encode(), 9)
        return f"+{KEY}='{base64.urlsafe_b64encode(packed).decode()}'"

    @classmethod
    def read(cls, text: str) -> "Pack":
        """Return the pack of an override's value."""
        return cls(**json.loads(zlib.decompress(base64.urlsafe_b64decode(text))))

    def plan(self, outputs: Path) -> Plan:
        """Return the cells as a plan whose outputs lie in that folder."""
        place = {"outputs": str(outputs), "cache": str(Outputs(outputs).cache)}
        cells = [with_slow_beat(unpacked_cell(each, outputs)) for each in self.cells]
        if outputs != Path(self.outputs):
            cells = [cell.knowing(local={**cell.local, "paths": {**cell.local["paths"], **place}}) for cell in cells]
        return Plan(self.name, {}, cells, outputs, self.jobs, [])

    def shared(self) -> bool:
        """Predicate: this machine sees the sweep's outputs."""
        if not self.token:
            return True
        try:
            return Outputs(Path(self.outputs)).token.read_text() == self.token
        except OSError:
            return False


def packed_cell(cell: Cell) -> dict[str, Any]:
    """Return a planned cell as JSON has it."""
    about = {name: getattr(cell, name) for name in ("id", "row", "factors", "seed", "overrides")}
    return {**about, "config": cell.config, "local": cell.local}


def unpacked_cell(packed: Mapping[str, Any], outputs: Path) -> Cell:
    """Return the cell that was packed, its folder in these outputs."""
    about = {name: packed[name] for name in ("id", "row", "factors", "seed", "overrides")}
    known = Known(config=packed["config"], local=packed["local"])
    return Cell(**about, folder=Outputs(outputs).run(packed["id"]).folder, known=known)


def with_slow_beat(cell: Cell) -> Cell:
    """Return the cell with a sign of life every `BEAT` seconds, unless `sweep.beat_seconds` says how often."""
    sweep = cell.local["sweep"]
    every = sweep["beat_seconds"] or min(BEAT, 10 * sweep["hang_minutes"])  # six before it counts as hung
    return cell.knowing(local={**cell.local, "sweep": {**sweep, "beat_seconds": every}})


def train_pack(cfg: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Train a pack's cells as the task function of a launcher; return how each has ended.

    If the outputs are not shared a cell's files come with it, under `files`. When the job is asked to stop, its
    cells write checkpoints; then whatever handled the signal before does its part (submitit queues the job again).
    """
    pack = Pack.read(cfg[KEY])
    if Path(pack.place).is_dir():
        os.chdir(pack.place)
    with tempfile.TemporaryDirectory(prefix="dropgrid-") as beside, bare_main():
        shared = pack.shared()
        outputs = Path(pack.outputs if shared else beside)
        ended = train_in_job(pack.plan(outputs), pack)
        if shared:
            return ended
        return [{**each, "files": pack_files(outputs, each["cell"])} for each in ended]


def train_in_job(plan: Plan, pack: Pack) -> list[dict[str, Any]]:
    """Train the cells as the local engine does, with a line for each in the job's log; return how each has ended."""
    stop, console = Stop(), terminal(force_terminal=False)
    cells = list({cell.id: cell for cell in plan.cells}.values())
    jobs, rules = min(pack.jobs, len(cells)), policy(plan, pack.asked)
    with signals(stop, lambda: warm(modules(plan.configs))) as pass_on:
        with LiveView(plan.name, len(cells), jobs, plan.outputs, console) as watch:
            outcomes = Pool(plan, train_cell, jobs, watch, rules, stop).run(cells)
    through = [each for each in outcomes if each.status != "stopped"]
    if len(through) < len(cells):
        pass_on()
    return [{"cell": each.cell, "status": each.status, "failure": each.failure} for each in outcomes]


def train_cell(cell: Mapping[str, Any], folder: Path) -> None:
    """Train in a cell's process."""
    from dropgrid.training.train import train

    train(cell, folder)


@contextmanager
def signals(stop: Stop, start: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Let signals ask the cells to stop, a second SIGINT at once; yield a function to call when they have stopped.

    That function calls the handlers from before, and ends the process.

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
            sys.exit(INTERRUPTED)

    try:
        for number in SIGNALS:
            signal.signal(number, ask)
        yield pass_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def bare_main() -> Iterator[None]:
    """Replace the main module by one without a file, which every cell's process would otherwise run first."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
