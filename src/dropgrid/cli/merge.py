"""Import the finished cells of another outputs folder: python scripts/merge.py FROM [--yes]

FROM is an outputs folder, copied or mounted from another machine; it is only read. Without --yes the command only
reports what it would do. If both folders have a finished cell, an ablation's text or an evaluation, the one here is
kept. An unfinished cell here moves to replaced/ and the imported one takes its place, unless it is being trained.

Finished cells of FORMAT 2 are taken over: their configs are written as they are now, under the id that follows, and
nothing is trained. FROM may then be the outputs folder itself.

Exit code 1 if something could not be merged: a cell with the same config but different weights, an ablation whose rows
have different configs (nothing of it is merged), a cell that is being trained. Everything else is merged.
"""

import argparse
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from dropgrid import json_output
from dropgrid.cli import console
from dropgrid.commands import Parser, run_command, say
from dropgrid.errors import UserError
from dropgrid.store.earlier_format import EARLIER, earlier_cells, take_over
from dropgrid.store.import_cell import import_cell, import_evaluations, unlike
from dropgrid.store.inventory import member_label, members, subfolders, tree
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.merge_plans import MergedPlan, merge_plans
from dropgrid.store.records import is_finished


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = Parser("merge", __doc__ or "")
    expected.add_argument("origin", metavar="FROM", type=Path, help="the other outputs folder")
    expected.add_argument("--yes", action="store_true", help="merge, instead of reporting what would be merged")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Report what would be merged, or merge it; cells of an earlier FORMAT under the ids that they have now."""
    origin, outputs, yes = given.origin, given.outputs, given.yes
    if not Outputs(origin).runs.is_dir():
        raise UserError(f"no runs in {origin}; FROM must be another outputs folder, the one that holds runs/")
    earlier = earlier_cells(Outputs(origin))
    if not earlier and outputs.exists() and origin.samefile(outputs):
        raise UserError(f"{origin} is the outputs folder itself; FROM must be another one, or set paths.outputs=DIR")
    if not earlier:
        return merge(origin, outputs, yes)
    console.show(f"{console.cells(len(earlier))} of FORMAT {EARLIER}: taken over under new ids, without training")
    with tempfile.TemporaryDirectory(prefix=".merging.", dir=outputs if yes and outputs.exists() else None) as place:
        renamed, problems = take_over(Outputs(origin), Outputs(Path(place)))
        return merge(Path(place), outputs, yes, renamed, problems)


def merge(
    origin: Path, outputs: Path, yes: bool, renamed: Mapping[str, str] | None = None, problems: Sequence[str] = ()
) -> int:
    """Report or merge, first cells, then the ablations that list them; return 1 if something cannot be merged."""
    json_output.give(cells=[], ablations=[])
    joined = merge_plans(origin, outputs, renamed)
    problems = [*problems, *(each.refused for each in joined if each.refused)]
    problems += merge_cells(origin, outputs, {each.name for each in joined if each.refused}, yes)
    merge_ablations([each for each in joined if each.added or each.new or each.renamed], yes)
    json_output.give(merged=yes, problems=problems)
    for problem in problems:
        say(f"error: {problem}", error=True)
    if not yes:
        console.show(Text("nothing was merged, add --yes to merge", style="bold"))
    return 1 if problems else 0


def merge_cells(origin: Path, outputs: Path, refused: set[str], yes: bool) -> list[str]:
    """Import finished cells and evaluations, except cells that only refused ablations have; return the problems."""
    named = members(origin)
    problems, here, measured, copied = [], 0, 0, 0
    rows: list[list[str | Text]] = []
    for theirs in subfolders(Outputs(origin).runs):
        found = named.get(theirs.name, [])
        finished = is_finished(RunFolder(theirs)) and not theirs.name.startswith(".")
        if not finished or (found and {name for name, _ in found} <= refused):
            continue
        ours = Outputs(outputs).runs / theirs.name
        called = member_label(*found[0]) if found else theirs.name
        if is_finished(RunFolder(ours)):
            here += 1
            other = unlike(ours, theirs)
            problems += [f"{called} (cell {theirs.name}) {other}"] if other else []
            measured += 0 if other else import_evaluations(theirs, ours, yes)
            continue
        why = import_cell(theirs, ours, yes)
        problems += [f"{called} (cell {theirs.name}): {why}"] if why else []
        if not why:
            size = tree(theirs)
            copied += size
            rows.append([called, console.size(size), theirs.name])
            json_output.add("cells", {"label": called, "size": size, "cell": theirs.name})
    json_output.give(evaluations=measured, already=here)
    if rows:
        headings = ["imported" if yes else "to import", "size", "cell"]
        console.show(console.table(headings, rows), "")
    parts = [f"{console.cells(len(rows))} {'imported' if yes else 'to import'}, {console.size(copied)}"]
    parts += [f"{measured} evaluation files"] if measured else []
    parts += [f"{here} already finished here"] if here else []
    console.show("; ".join(parts))
    return problems


def merge_ablations(joined: Sequence[MergedPlan], yes: bool) -> None:
    """Add the imported cells to the ablations, and print what each one gets."""
    for each in joined:
        counts = {"new": each.new, "added": len(each.added), "renamed": each.renamed}
        json_output.add("ablations", {"name": each.name, **counts})
        new = "a new ablation, " if each.new else ""
        parts = [f"{console.cells(len(each.added))} {'added' if yes else 'to add'}"]
        parts += [f"{console.cells(each.renamed)} {'renamed' if yes else 'to rename'}"] if each.renamed else []
        console.show(f"{each.name}: {new}{', '.join(parts)}")
        if yes:
            each.write()
    if yes and joined:
        again = "; ".join(f"python scripts/report.py {shlex.quote(each.name)}" for each in joined)
        console.show(f"to renew the tables: {again}")
