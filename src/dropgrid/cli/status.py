"""Show the progress of sweeps, from any shell: python scripts/status.py [NAME] [--failed] [--json] [--follow CELL]

Without NAME, a line for each ablation. With it: its rows by status, the running cells, the time to go, the failures.
Reads files only, and may run at any time, on any machine that sees the folder.

  --failed        only the failures, each with its log and the command that trains it again; exit code 1 if any
  --follow CELL   a cell's log until the cell ends; CELL is an id, its beginning, or ROW/seed0; exit code 1 if it failed
  --html [FILE]   a page with the cells and the validation curves of each row, which a browser loads again while cells
                  train; FILE is by default status.html in the ablation's folder. Ends with the last cell, or Ctrl-C.
"""

import argparse
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from dropgrid import json_output
from dropgrid.cli import console
from dropgrid.cli.tail import find, follow
from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError
from dropgrid.execution.live_view import minutes
from dropgrid.store.ablation import names, read
from dropgrid.store.ablation_status import AblationStatus, described_failure
from dropgrid.store.cell import Cell
from dropgrid.store.earlier_format import advice
from dropgrid.store.layout import Outputs
from dropgrid.store.status import STATUSES

OWN = Path()
"""--html without FILE."""

COLOURS = {"finished": "green", "running": "cyan", "failed": "red", "interrupted": "yellow", "pending": ""}
BAR = 16
"""Characters of a running cell's bar."""

SHOWN = 5
"""Failures that are printed with an ablation; --failed prints all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = Parser("status", __doc__ or "")
    expected.add_argument("name", metavar="NAME", nargs="?", help="an ablation or a sweep")
    expected.add_argument("--failed", action="store_true", help="only the failures")
    expected.add_argument("--html", metavar="FILE", nargs="?", type=Path, const=OWN, help="a page that stays current")
    expected.add_argument("--follow", metavar="CELL", help="a cell's log as it grows")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Print what the flags request; return 1 for --failed if cells failed."""
    if json_output.wanted() and (given.follow is not None or given.html is not None):
        raise UserError("--json shows where cells stand now; it excludes --follow and --html")
    if given.follow is not None:
        return follow(*find(given.follow, given.outputs, given.name), given.outputs)
    if given.html is not None:
        return keep_page(given)
    found, unreadable = statuses(given.outputs, given.name)
    if json_output.wanted():
        json_output.give(**as_json(found, unreadable, given))
    elif given.failed:
        show_failures(found)
    elif given.name:
        show(found[0])
    else:
        show_all(found, given.outputs)
    for name, error in unreadable.items() if not json_output.wanted() else []:
        console.show(Text(f"{name}: {error}", style="red"))
    return 1 if given.failed and any(each.of("failed") for each in found) else 0


def keep_page(given: argparse.Namespace) -> int:
    """Write the page of an ablation until its cells have ended."""
    from dropgrid.cli.status_page import keep_current

    if not given.name:
        there = ", ".join(names(given.outputs)) or "none was run yet"
        raise UserError(f"--html takes the NAME of an ablation: {there}")
    ablation = read(given.name, given.outputs)
    path = Outputs(given.outputs).ablation(ablation.name).status_page if given.html == OWN else given.html
    keep_current(path, lambda: AblationStatus(read(given.name, given.outputs)))
    return 0


def statuses(outputs: Path, name: str | None) -> tuple[list[AblationStatus], dict[str, str]]:
    """Return the status of the ablation named, else of all; and why some of all cannot be read."""
    if name:
        return [AblationStatus(read(name, outputs))], {}
    found, unreadable = [], {}
    for each in names(outputs):
        try:
            found.append(AblationStatus(read(each, outputs)))
        except UserError as error:
            unreadable[each] = str(error)
    return found, unreadable


def as_json(
    found: Sequence[AblationStatus], unreadable: Mapping[str, str], given: argparse.Namespace
) -> dict[str, Any]:
    """Return the fields that `--json` prints."""
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


def show_all(found: Sequence[AblationStatus], outputs: Path) -> None:
    """Print a line for each ablation."""
    rows: list[list[str | Text]] = []
    for each in found:
        counts = [console.count(number, COLOURS[status]) for status, number in each.counts().items()]
        rows.append([each.name, str(len(each.cells)), *counts, active(each), to_go(each)])
    if rows:
        console.show(console.table(["ablation", "cells", *STATUSES, "last activity", "to go"], rows))
        if earlier := len({cell.id for each in found for cell in each.earlier()}):
            console.show("", Text(advice(earlier, outputs), "yellow"))
    elif not names(outputs):
        console.show(f"nothing was run yet in {outputs}; python scripts/train.py +ablation=demo trains the demo")


def active(status: AblationStatus) -> str:
    """Return when a cell last gave a sign of life: `3 min ago`."""
    last = status.last_activity()
    return console.ago(time.time() - last) if last else console.NOTHING


def to_go(status: AblationStatus) -> str:
    """Return the time to go: `about 3 min 20 s`."""
    seconds = status.seconds_to_go()
    return console.NOTHING if seconds is None else f"about {minutes(seconds)}"


def show(status: AblationStatus) -> None:
    """Print one ablation: rows by status, running cells, failures, and the count of cells trained by other code."""
    words = [f"{number} {status}" for status, number in status.counts().items() if number]
    head = [f"{len(status.cells)} cells: {', '.join(words)}"]
    left, last = to_go(status), active(status)
    head += [f"{left} to go"] if left != console.NOTHING else []
    head += [f"last activity {last}"] if last != console.NOTHING else []
    console.show(Text.assemble((status.name, "bold"), "  ", "; ".join(head)), "")
    rows: list[list[str | Text]] = []
    for row in status.rows():
        factors = "".join(f"{key}={value} " for key, value in row["factors"].items())
        rows.append([f"{factors}{row['row']}", *(console.count(row[each], COLOURS[each]) for each in STATUSES)])
    console.show(console.table(["row", *STATUSES], rows))
    running = status.of("running")
    if running:
        columns = ["running", "", "progress", "loss", "host", "pid"]
        console.show("", console.table(columns, [progress(status, cell) for cell in running], left=(0, 1, 2, 4)))
    failed = status.of("failed")
    if failed:
        console.show("")
    for cell in failed[:SHOWN]:
        why = described_failure(cell) or {}
        console.show(Text.assemble(("failed  ", "red"), f"{cell.label}: {why['class']}: {why['message']}"))
        console.show(Text(f"        {why['log']}", style="dim"))
    if failed:
        more = f"{len(failed) - SHOWN} more failed; " if len(failed) > SHOWN else ""
        console.show(
            Text(f"{more}python scripts/status.py {shlex.quote(status.name)} --failed shows how to train them again")
        )
    if earlier := len(status.earlier()):
        console.show("", Text(advice(earlier, status.cells[0].run.outputs.root), "yellow"))
    older = len(status.older())
    if older:
        were, them = ("was", "it") if older == 1 else ("were", "them")
        counted = f"{older} of {console.cells(len(status.cells))} {were} trained by a different version of the code"
        console.show("", Text(f"{counted}: sweep.rerun=stale trains {them} again", "yellow"))


def progress(status: AblationStatus, cell: Cell) -> list[str | Text]:
    """Return a running cell's line."""
    found = status.states[cell.id]
    done = round(BAR * status.share(cell))
    bar = Text.assemble(("━" * done, "cyan"), ("─" * (BAR - done), "dim"))
    words = "starting"
    if found.get("steps"):
        words = f"epoch {found['epoch'] + 1}/{found['epochs']}, {100 * status.share(cell):.0f} %"
        words = "measuring" if found["phase"] == "measuring" else words
    loss = console.NOTHING if found.get("loss") is None else f"{found['loss']:.3f}"
    about = [str(found.get(key) or console.NOTHING) for key in ("host", "pid")]
    return [cell.label, bar, words, loss, *about]


def show_failures(found: Sequence[AblationStatus]) -> None:
    """Print every failure: class, message, log, and the command that trains the cell again."""
    for each in found:
        for cell in each.of("failed"):
            why = described_failure(cell) or {}
            console.show(Text.assemble((f"{each.name}: {cell.label}", "bold"), f"  {cell.id}"))
            console.show(Text.assemble(("  failed  ", "red"), f"{why['class']}: {why['message']}"))
            console.show(f"  log     {why['log']}", f"  again   {cell.reproduce}", "")
    failed = sum(len(each.of("failed")) for each in found)
    console.show(f"{failed} of {console.cells(sum(len(each.cells) for each in found))} failed")
