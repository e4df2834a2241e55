"""An ablation's small result files into `results/`, and its table into the README: numbers there are never typed."""

import json
import re
import shutil
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.reports.files import read_json, write
from dropgrid.runs.folder import run_folder

KEPT = ("table.md", "table.json")


def publish(name: str, outputs: Path, root: Path) -> Path:
    """Copy a finished ablation's table and figures to `root/results/<name>` with the machine, and renew the README.

    The README's part between `<!-- results/<name> -->` and `<!-- end -->` becomes the table.

    Raises:
        UserError: no such ablation, or not all of its cells are finished.
    """
    source, target = outputs / "ablations" / name, root / "results" / name
    cells = read_json(source / "cells.json") or []
    results = [read_json(run_folder(outputs, cell["cell"]) / "result.json") for cell in cells]
    if not results or None in results:
        raise UserError(f"{name} is not finished in {outputs}; train it first")
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("figure*.png"):
        old.unlink()
    for file in [*KEPT, *sorted(path.name for path in source.glob("figure*.png"))]:
        shutil.copy(source / file, target / file)
    environment = read_json(run_folder(outputs, cells[0]["cell"]) / "environment.json")
    machine = {
        key: environment[key] for key in ("processor", "cores", "threads", "device", "python", "versions", "source")
    }
    seconds = sum(result["timing"]["total_seconds"] for result in results)
    machine |= {"cells": len(results), "seconds_of_all_cells": round(seconds, 1)}
    (target / "machine.json").write_text(json.dumps(machine, indent=1) + "\n")
    readme = root / "README.md"
    write(readme, renewed(readme.read_text(), name, (target / "table.md").read_text()))
    return target


def renewed(text: str, name: str, table: str) -> str:
    """A README with the part marked for an ablation replaced by its table and notes, without their heading."""
    body = table[table.index("|") :].strip()
    marked = re.compile(rf"(<!-- results/{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)
