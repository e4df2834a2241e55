"""Where sweeps stand, from another shell: python scripts/status.py [NAME] [--failed] [--json] [--follow CELL]

Without NAME a line for each ablation. With it: its rows by status, the cells that are running, the time to go, the
failures. It reads files only, and may be asked at any time, on any machine that sees the folder.

  --failed        only the failures, each with its log and the command that trains it again; exit code 1 if there are
  --follow CELL   a cell's log until the cell ends; CELL is an id, its beginning, or ROW/seed0; exit code 1 if it failed
  --json          for programs. Without NAME: {outputs, ablations}; with NAME: {outputs, ablations, rows, cells}.
                  ablations: name, cells, finished, running, failed, interrupted, pending, older_source, last_activity
                  (Unix time), seconds_to_go; or name, error where one cannot be read.
                  rows: row, factors, cells, and a count for each status.
                  cells: ablation, cell, row, factors, seed, status, folder, older_source, seconds, progress (0 to 1),
                  phase, epoch (from 0), epochs, step, steps, loss, host, pid, failure (class, message, log), reproduce.
                  With --failed: cells are the failed ones, without NAME those of all ablations.
"""

import argparse
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from dropgrid.cli import console
from dropgrid.cli.tail import find, follow
from dropgrid.commands import parser, run
from dropgrid.errors import UserError
from dropgrid.execution.live_view import minutes
from dropgrid.store.ablation import Cell, names, read
from dropgrid.store.ablation_status import Standing, failure, reproduce
from dropgrid.store.inventory import label
from dropgrid.store.status import STATUSES

COLOURS = {"finished": "green", "running": "cyan", "failed": "red", "interrupted": "yellow", "pending": ""}
BAR = 16
"""Characters of a running cell's bar."""

SHOWN = 5
"""Failures that are told with an ablation; --failed tells all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    expected = parser("status", __doc__ or "")
    expected.add_argument("name", metavar="NAME", nargs="?", help="an ablation or a sweep")
    expected.add_argument("--failed", action="store_true", help="only the failures")
    expected.add_argument("--json", action="store_true", help="for programs")
    expected.add_argument("--follow", metavar="CELL", help="a cell's log as it grows")
    return run(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Read, and show what was asked for."""
    if given.follow is not None:
        return follow(*find(given.follow, given.outputs, given.name), given.outputs)
    found, unreadable = standings(given.outputs, given.name)
    if given.json:
        print(json.dumps(as_json(found, unreadable, given), indent=1, allow_nan=False))
    elif given.failed:
        show_failures(found)
    elif given.name:
        show(found[0])
    else:
        show_all(found, given.outputs)
    for name, error in unreadable.items() if not given.json else []:
        console.show(Text(f"{name}: {error}", style="red"))
    return 1 if given.failed and any(each.of("failed") for each in found) else 0


def standings(outputs: Path, name: str | None) -> tuple[list[Standing], dict[str, str]]:
    """That of the ablation named, else of all; and why some of all cannot be read."""
    if name:
        return [Standing(read(name, outputs))], {}
    found, unreadable = [], {}
    for each in names(outputs):
        try:
            found.append(Standing(read(each, outputs)))
        except UserError as error:
            unreadable[each] = str(error)
    return found, unreadable


def as_json(found: Sequence[Standing], unreadable: Mapping[str, str], given: argparse.Namespace) -> dict[str, Any]:
    """See the help."""
    ablations = [each.summary() for each in found]
    ablations += [{"name": name, "error": error} for name, error in unreadable.items()]
    value: dict[str, Any] = {"outputs": str(given.outputs), "ablations": ablations}
    if given.name:
        value["rows"] = found[0].rows()
    if given.name or given.failed:
        value["cells"] = [
            {"ablation": each.name, **each.cell(cell, older)}
            for each in found
            for older in [{cell.id for cell in each.older()}]
            for cell in (each.of("failed") if given.failed else each.cells)
        ]
    return value


def show_all(found: Sequence[Standing], outputs: Path) -> None:
    """A line for each ablation."""
    rows: list[list[str | Text]] = []
    for each in found:
        counts = [console.count(number, COLOURS[status]) for status, number in each.counts().items()]
        rows.append([each.name, str(len(each.cells)), *counts, active(each), to_go(each)])
    if rows:
        console.show(console.table(["ablation", "cells", *STATUSES, "last activity", "to go"], rows))
    elif not names(outputs):
        console.show(f"nothing was run yet in {outputs}; python scripts/train.py +ablation=demo trains the demo")


def active(standing: Standing) -> str:
    """`3 min ago`."""
    last = standing.last_activity()
    return console.ago(time.time() - last) if last else console.NOTHING


def to_go(standing: Standing) -> str:
    """`about 3 min 20 s`."""
    seconds = standing.seconds_to_go()
    return console.NOTHING if seconds is None else f"about {minutes(seconds)}"


def show(standing: Standing) -> None:
    """One ablation: rows by status, running cells, failures, and cells by older source."""
    words = [f"{number} {status}" for status, number in standing.counts().items() if number]
    head = [f"{len(standing.cells)} cells: {', '.join(words)}"]
    left, last = to_go(standing), active(standing)
    head += [f"{left} to go"] if left != console.NOTHING else []
    head += [f"last activity {last}"] if last != console.NOTHING else []
    console.show(Text.assemble((standing.name, "bold"), "  ", "; ".join(head)), "")
    rows: list[list[str | Text]] = []
    for row in standing.rows():
        factors = "".join(f"{key}={value} " for key, value in row["factors"].items())
        rows.append([f"{factors}{row['row']}", *(console.count(row[each], COLOURS[each]) for each in STATUSES)])
    console.show(console.table(["row", *STATUSES], rows))
    running = standing.of("running")
    if running:
        columns = ["running", "", "progress", "loss", "host", "pid"]
        console.show("", console.table(columns, [progress(standing, cell) for cell in running], left=(0, 1, 2, 4)))
    failed = standing.of("failed")
    if failed:
        console.show("")
    for cell in failed[:SHOWN]:
        why = failure(cell) or {}
        console.show(Text.assemble(("failed  ", "red"), f"{called(cell)}: {why['class']}: {why['message']}"))
        console.show(Text(f"        {why['log']}", style="dim"))
    if failed:
        more = f"{len(failed) - SHOWN} more failed; " if len(failed) > SHOWN else ""
        console.show(
            Text(f"{more}python scripts/status.py {shlex.quote(standing.name)} --failed tells how to train again")
        )
    older = len(standing.older())
    if older:
        were, them = ("was", "it") if older == 1 else ("were", "them")
        told = f"{older} of {console.cells(len(standing.cells))} {were} trained by older source"
        console.show("", Text(f"{told}: sweep.rerun=stale trains {them} again", "yellow"))


def progress(standing: Standing, cell: Cell) -> list[str | Text]:
    """A running cell's line."""
    found = standing.states[cell.id]
    done = round(BAR * standing.share(cell))
    bar = Text.assemble(("━" * done, "cyan"), ("─" * (BAR - done), "dim"))
    words = "starting"
    if found.get("steps"):
        words = f"epoch {found['epoch'] + 1}/{found['epochs']}, {100 * standing.share(cell):.0f} %"
        words = "measuring" if found["phase"] == "measuring" else words
    loss = console.NOTHING if found.get("loss") is None else f"{found['loss']:.3f}"
    about = [str(found.get(key) or console.NOTHING) for key in ("host", "pid")]
    return [called(cell), bar, words, loss, *about]


def called(cell: Cell) -> str:
    """A cell as people read it."""
    return label({"row": cell.row, "factors": cell.factors, "seed": cell.seed})


def show_failures(found: Sequence[Standing]) -> None:
    """Every failure: class, message, log, and the command that trains the cell again."""
    for each in found:
        for cell in each.of("failed"):
            why = failure(cell) or {}
            console.show(Text.assemble((f"{each.name}: {called(cell)}", "bold"), f"  {cell.id}"))
            console.show(Text.assemble(("  failed  ", "red"), f"{why['class']}: {why['message']}"))
            console.show(f"  log     {why['log']}", f"  again   {reproduce(cell)}", "")
    failed = sum(len(each.of("failed")) for each in found)
    console.show(f"{failed} of {console.cells(sum(len(each.cells) for each in found))} failed")
