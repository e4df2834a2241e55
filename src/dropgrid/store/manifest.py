"""What an ablation's folder says was asked: ablation.json, cells.json, and links to the runs."""

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropgrid.store.identity import treatment_id
from dropgrid.store.records import read_lines, run_folder, write_json


def write_plan(outputs: Path, name: str, about: Mapping[str, Any], cells: Sequence[Any]) -> None:
    """The ablation's folder: what was asked, its cells, and links to their runs.

    Cells of the same rows at seeds of an earlier command stay in the table: asking for more seeds adds them.
    """
    folder = outputs / "ablations" / name
    lines = [
        {
            "row": cell.row,
            "factors": cell.factors,
            "seed": cell.seed,
            "cell": cell.id,
            "overrides": cell.overrides,
            "treatment": treatment_id(cell.config),
        }
        for cell in cells
    ]
    asked = [*lines]
    rows = {(line["row"], str(line["factors"]), line["treatment"]) for line in lines}
    present = {line["cell"] for line in lines}
    for old in read_lines(folder / "cells.json"):
        same = (old["row"], str(old["factors"]), old.get("treatment")) in rows
        if same and old["cell"] not in present and (run_folder(outputs, old["cell"]) / "result.json").exists():
            lines.append(old)
    freeze_claims(outputs, folder, about.get("claims"), {line["cell"] for line in asked})
    write_json(folder / "ablation.json", about)
    write_json(folder / "cells.json", lines)
    for line in lines:
        link(folder, line, outputs)


def freeze_claims(outputs: Path, folder: Path, texts: Sequence[str] | None, ids: Collection[str]) -> None:
    """Write down the ablation's claims once, with how many of its cells are trained at that moment."""
    if not texts or (folder / "claims.json").exists():
        return
    known = sum((run_folder(outputs, each) / "result.json").exists() for each in ids)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stated = {"claims": texts, "sha256": digest(texts), "recorded": now, "finished": known, "cells": len(ids)}
    write_json(folder / "claims.json", stated)


def link(folder: Path, line: dict[str, Any], outputs: Path) -> None:
    """`cells/<factors>/<row>/seed<k>`, a relative link to the run."""
    factors = ",".join(f"{key}={value}" for key, value in line["factors"].items())
    place = folder / "cells" / within(factors) / within(line["row"]) / f"seed{line['seed']}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(run_folder(outputs, line["cell"]), place.parent))


def within(name: str) -> str:
    """A name as that of a folder in its parent; `.` and `..` are none."""
    text = re.sub(r"[/\0]", "_", name)
    return text if text.strip(".") or not text else "_" * len(text)


def digest(texts: Sequence[str]) -> str:
    """sha256 of the claims, as they are written and in their order."""
    return hashlib.sha256(json.dumps([str(text) for text in texts]).encode()).hexdigest()
