"""What an ablation's folder says was asked: ablation.json, cells.json, and links to the runs."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropgrid.store.cell import Cell
from dropgrid.store.files import write_json
from dropgrid.store.layout import AblationFolder, Outputs
from dropgrid.store.records import read_lines


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
        if same and old["cell"] not in present and place.run(old["cell"]).finished:
            lines.append(old)
    freeze_claims(folder, about.get("claims"), present)
    write_json(folder.about, about)
    write_json(folder.cells, lines)
    for line in lines:
        link_run(folder, line)


def freeze_claims(folder: AblationFolder, texts: Sequence[str] | None, ids: Collection[str]) -> None:
    """Write down the ablation's claims once, with how many of its cells are trained at that moment."""
    if not texts or folder.claims.exists():
        return
    known = sum(folder.outputs.run(each).finished for each in ids)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stated = {"claims": texts, "sha256": digest(texts), "recorded": now, "finished": known, "cells": len(ids)}
    write_json(folder.claims, stated)


def link_run(folder: AblationFolder, line: Mapping[str, Any]) -> None:
    """Make `cells/<factors>/<row>/seed<k>`, a relative link to the run of a line of cells.json."""
    factors = ",".join(f"{key}={value}" for key, value in line["factors"].items())
    place = folder.link(factors, line["row"], line["seed"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(folder.outputs.run(line["cell"]).folder, place.parent))


def digest(texts: Sequence[str]) -> str:
    """Return the sha256 of the claims, as they are written and in their order."""
    return hashlib.sha256(json.dumps([str(text) for text in texts]).encode()).hexdigest()
