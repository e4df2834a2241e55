"""What an ablation's folder says was asked: ablation.json, cells.json, and links to the runs."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.files import make_link
from dropgrid.names import IN_COMMANDS, file_name, file_names, is_file_name
from dropgrid.store.cell import Cell
from dropgrid.store.files import write_json
from dropgrid.store.layout import AblationFolder, Outputs
from dropgrid.store.records import ConfigReader, is_finished, read_lines
from dropgrid.store.schemas import RULES


def write_plan(outputs: Path, name: str, about: Mapping[str, Any], cells: Sequence[Cell]) -> None:
    """Write the ablation's folder: what was asked, its cells, and links to their runs.

    Cells of the same rows at seeds of an earlier command stay in the table: asking for more seeds adds them.
    """
    place, folder = Outputs(outputs), Outputs(outputs).ablation(name)
    lines = [cell.line for cell in cells]
    rows = {(line["row"], str(line["factors"]), line["treatment"]) for line in lines}
    present = {line["cell"] for line in lines}
    for old in read_lines(folder):
        same = (old["row"], str(old["factors"]), old.get("treatment")) in rows
        if same and old["cell"] not in present and is_finished(place.run(old["cell"])):
            lines.append(old)
    freeze_claims(folder, about, present)
    write_json(folder.about, about)
    write_json(folder.cells, lines)
    link_runs(folder, lines)


def refuse_other_data(outputs: Path, name: str, cells: Sequence[Cell]) -> None:
    """Raise UserError if finished cells of an ablation's rows were trained on other data than its cells are now.

    The table would lose them without a word: other content is another name.
    """
    folder, reader, ids = Outputs(outputs).ablation(name), ConfigReader(), {cell.id for cell in cells}
    others = [line for line in read_lines(folder) if line["cell"] not in ids]
    now: dict[tuple[str, str], set[Any]] = {}
    for cell in cells if others else []:
        now.setdefault((cell.row, str(cell.factors)), set()).add((cell.config.get("data") or {}).get("fingerprint"))
    lost: dict[str, int] = {}
    for line in others:
        row, run = (line["row"], str(line["factors"])), folder.outputs.run(line["cell"])
        if row in now and is_finished(run):
            data = reader.read_config(run.config).get("data") or {}
            lost[row[0]] = lost.get(row[0], 0) + (data.get("fingerprint") not in now[row])
    lost = {row: count for row, count in lost.items() if count}
    if lost:
        many = f"{sum(lost.values())} finished {'cell' if sum(lost.values()) == 1 else 'cells'}"
        raise UserError(
            f"{name} has {many} of other data (row {', '.join(lost)}), which its table would lose: "
            "give this sweep another name, as in name=NAME"
        )


def freeze_claims(folder: AblationFolder, about: Mapping[str, Any], ids: Collection[str]) -> None:
    """Write down once what decides: claims and rules of verdicts, with how many cells are trained at that moment."""
    texts: Sequence[str] = about.get("claims") or []
    rules = {key: about[key] for key in RULES if about.get(key) is not None}
    if not (texts or rules) or folder.claims.exists():
        return
    known = sum(is_finished(folder.outputs.run(each)) for each in ids)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stated = {"claims": texts, "sha256": digest(texts), "recorded": now, "finished": known, "cells": len(ids)}
    write_json(folder.claims, {**stated, "rules": rules})


def link_runs(folder: AblationFolder, lines: Sequence[Mapping[str, Any]]) -> None:
    """Make `cells/<factors>/<row>/seed<k>`, a relative link to the run of each line of cells.json."""
    labels = [",".join(f"{key}={value}" for key, value in line["factors"].items()) for line in lines]
    factors, rows = file_names(filter(None, labels)), file_names(line["row"] for line in lines)
    for label, line in zip(labels, lines, strict=True):
        place = folder.link(factors.get(label, ""), rows[line["row"]], line["seed"])
        make_link(place, os.path.relpath(folder.outputs.run(line["cell"]).folder, place.parent))


def digest(texts: Sequence[str]) -> str:
    """Return the sha256 of the claims, as they are written and in their order."""
    return hashlib.sha256(json.dumps([str(text) for text in texts]).encode()).hexdigest()


def folder_name(name: str, outputs: Path) -> str:
    """Return a name as that of an ablation's folder, which commands take.

    Raises:
        UserError: the file system takes it for another ablation's, whose name is written in other cases.
    """
    made = name if is_file_name(name, IN_COMMANDS) else file_name(name, IN_COMMANDS)
    for other in Outputs(outputs).ablation_names:
        one, two = (Outputs(outputs).ablation(each).folder for each in (made, other))
        if other != made and other.casefold() == made.casefold() and one.exists() and one.samefile(two):
            raise UserError(f"{made!r} is the folder of the ablation {other!r}, which is there already; set name=")
    return made
