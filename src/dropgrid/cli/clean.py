"""Show how much disk space outputs take, and free it: python scripts/clean.py [NAME…] [FLAGS] [--yes]

Without flags: sizes by ablation, and what each flag would free. With flags: a list of what would be removed; --yes
removes it. A cell that is being trained is never removed. A removed cell counts as pending: the command that made it
trains it again, and until then its ablation keeps its place in the table.

Without checkpoints, a failed cell starts again at its first step. The checkpoints of an interrupted cell are its only
progress: they are kept until the cell is finished or orphaned.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from dropgrid import json_output
from dropgrid.cli import console
from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError
from dropgrid.store.deletion import Removal, held, removals, remove
from dropgrid.store.inventory import StoredRun, listed_cells, runs, subfolders, tree
from dropgrid.store.layout import Outputs

FLAGS = {
    "checkpoints": "checkpoints of finished and failed cells",
    "stale": "cells trained by a different version of the code",
    "failed": "cells that failed",
    "orphaned": "cells that belong to no ablation, leftovers of clean and merge",
    "replaced": "results replaced by a rerun",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = Parser("clean", __doc__ or "")
    expected.add_argument("names", metavar="NAME", nargs="*", help="only these ablations")
    for flag, what in FLAGS.items():
        expected.add_argument(f"--{flag}", action="store_true", help=what)
    expected.add_argument("--yes", action="store_true", help="remove the listed folders")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Show sizes, or what would be removed, or remove it."""
    if not given.outputs.is_dir():
        raise UserError(f"no outputs in {given.outputs}; name their folder with paths.outputs=DIR")
    flags = [flag for flag in FLAGS if getattr(given, flag)]
    if given.orphaned and given.names:
        raise UserError("orphaned cells belong to no ablation: use --orphaned without NAME")
    if given.yes and not flags:
        raise UserError(f"--yes needs at least one of {' '.join(f'--{flag}' for flag in FLAGS)}")
    chosen = {cell.id for _, cell in listed_cells(given.outputs, given.names)} if given.names else None
    found = [each for each in runs(given.outputs) if chosen is None or each.folder.name in chosen]
    if flags:
        list_or_remove(removals(flags, found, given.outputs, chosen), given.yes)
        if given.checkpoints and (kept := interrupted_checkpoints(found)):
            console.show(f"kept: {kept}")
        return 0
    measured = sizes(given.outputs, found, given.names)
    freed = freed_by_flags(given.outputs, found, chosen)
    json_output.give(sizes=measured, flags=freed)
    if not json_output.wanted():
        show_sizes(given.outputs, measured, shared=any(len(each.ablations) > 1 for each in found))
        show_flags(freed, interrupted_checkpoints(found))
    return 0


def list_or_remove(found: Sequence[Removal], yes: bool) -> None:
    """List the removals, and carry them out with `yes`; print which were skipped and why."""
    skipped: list[tuple[str, str]] = []
    gone: list[Removal] = []
    for each in found:
        why = remove(each) if yes else held(each)
        if why:
            skipped.append((each.label, why))
        else:
            gone.append(each)
    folders = [{key: getattr(each, key) for key in ("label", "why", "size", "path")} for each in gone]
    json_output.give(removed=yes, folders=folders, skipped=[{"label": label, "why": why} for label, why in skipped])
    rows: list[list[str | Text]] = [[each.label, each.why, console.size(each.size), str(each.path)] for each in gone]
    if rows:
        console.show(console.table(["removed" if yes else "to remove", "", "size", "path"], rows, left=(0, 1, 3)), "")
    for label, why in skipped:
        console.show(Text.assemble(("skipped  ", "yellow"), f"{label}: {why}"))
    what = f"{len(rows)} folder{'' if len(rows) == 1 else 's'}, {console.size(sum(each.size for each in gone))}"
    summary = f"removed {what}" if yes else f"{what}; nothing was removed, add --yes to remove"
    console.show(Text(summary if rows else "nothing to remove", style="bold"))


def sizes(outputs: Path, found: Sequence[StoredRun], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """Return the bytes of each ablation, of what belongs to none, and of all, where shared cells count once."""
    place = Outputs(outputs)
    names = place.ablation_names
    folders = {name: tree(place.ablation(name).folder) for name in chosen or names}
    lines = []
    for name, own in folders.items():
        cells = [each for each in found if name in each.ablations]
        shared = sum(each.size for each in cells if len(each.ablations) > 1)
        lines.append(size_line(name, cells, own + sum(each.size for each in cells), shared))
    total = sum(folders.values()) + sum(each.size for each in found)
    if not chosen:
        orphaned = [each for each in found if not each.members]
        lines.append(size_line("(orphaned cells)", orphaned, sum(each.size for each in orphaned), 0))
        others = {"(replaced by reruns)": tree(place.replaced), "(caches)": tree(place.cache)}
        counted = (place.runs, place.ablations, place.replaced, place.cache)
        rest = [each for each in subfolders(outputs) if each not in counted]
        rest += [each for each in subfolders(place.ablations) if each.name not in names]
        others["(other)"] = sum(map(tree, rest))
        lines += [{**size_line(what, [], size, 0), "cells": None} for what, size in others.items() if size]
        total += sum(others.values())
    return [*lines, size_line("total", found, total, 0)]


def size_line(name: str, cells: Sequence[StoredRun], size: int, shared: int) -> dict[str, Any]:
    """Return the count of cells of an ablation, and the bytes: of all, of what others share, of checkpoints."""
    checkpoints = sum(each.checkpoints for each in cells)
    return {"name": name, "cells": len(cells), "size": size, "shared": shared, "checkpoints": checkpoints}


def show_sizes(outputs: Path, lines: Sequence[Mapping[str, Any]], *, shared: bool) -> None:
    """Print the sizes, the last line as the total."""
    rows: list[list[str | Text]] = []
    for each in lines:
        texts = [console.size(each[key]) for key in ("size", "shared", "checkpoints")]
        rows.append([each["name"], "" if each["cells"] is None else str(each["cells"]), *texts])
    name, cells, size = map(str, rows.pop()[:3])
    rows.append([Text(name, style="bold"), cells, Text(size, style="bold"), "", ""])
    headings = ["ablation", "cells", "size", "shared", "checkpoints"]
    console.show(Text(str(outputs), style="bold"), "", console.table(headings, rows))
    if shared:
        console.show(Text("  Cells that several ablations share count once in the total.", style="dim"))


def freed_by_flags(outputs: Path, found: Sequence[StoredRun], chosen: set[str] | None) -> list[dict[str, Any]]:
    """Return what each flag would free."""
    lines = []
    for flag, what in FLAGS.items():
        if flag == "orphaned" and chosen is not None:
            continue
        free = [each for each in removals([flag], found, outputs, chosen) if not held(each)]
        lines.append({"flag": flag, "removes": what, "folders": len(free), "size": sum(each.size for each in free)})
    return lines


def show_flags(lines: Sequence[Mapping[str, Any]], kept: str) -> None:
    """Print what each flag would free, and what no flag does."""
    rows: list[list[str | Text]] = [
        [f"--{each['flag']}", each["removes"], str(each["folders"]), console.size(each["size"])] for each in lines
    ]
    console.show("", console.table(["flag", "removes", "folders", "size"], rows, left=(0, 1)))
    if kept:
        console.show(Text(f"  Always kept: {kept}.", style="dim"))


def interrupted_checkpoints(found: Sequence[StoredRun]) -> str:
    """Describe the checkpoints of interrupted cells, which no flag but --orphaned removes; empty if there are none."""
    kept = [each for each in found if each.status == "interrupted" and each.checkpoints and each.members]
    if not kept:
        return ""
    size = console.size(sum(each.checkpoints for each in kept))
    count = f"{len(kept)} interrupted cell{'' if len(kept) == 1 else 's'}"
    return f"the checkpoints of {count}, {size}: training continues from them"
