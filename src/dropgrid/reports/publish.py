"""An ablation's small result files into `results/`, its table into README and docs: numbers there are never typed."""

import json
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.plotting.palette import palette_png
from dropgrid.store.files import read_json, write
from dropgrid.store.layout import AblationFolder, Outputs
from dropgrid.store.records import read_lines

KEPT = ("table.md", "table.json")


def publish(name: str, outputs: Path, root: Path) -> Path:
    """Copy a finished ablation's table and figures to `root/results/<name>` with machine and date, and renew the pages.

    Figures are kept as small PNGs, without their PDFs. In README.md and docs/*.md what stands between
    `<!-- results/<name> -->` and `<!-- end -->` becomes the table.

    Raises:
        UserError: no such ablation, or not all of its cells are finished.
    """
    place, target = Outputs(outputs).ablation(name), root / "results" / name
    source, cells = place.folder, read_lines(place)
    results = [read_json(place.outputs.run(cell["cell"]).result) for cell in cells]
    if not results or None in results:
        raise UserError(f"{name} is not finished in {outputs}; train it first")
    target.mkdir(parents=True, exist_ok=True)
    for old in AblationFolder(target).figures("png"):
        old.unlink()
    for file in KEPT:
        shutil.copy(source / file, target / file)
    for path in place.figures("png"):
        (target / path.name).write_bytes(palette_png(path.read_bytes()))
    environment = read_json(place.outputs.run(cells[0]["cell"]).environment)
    machine = {
        key: environment[key] for key in ("processor", "cores", "threads", "device", "python", "versions", "source")
    }
    seconds = sum(result["timing"]["total_seconds"] for result in results)
    last = max(result["provenance"]["finished"] for result in results)
    date = datetime.fromtimestamp(last, UTC).date().isoformat()
    machine |= {"cells": len(results), "seconds_of_all_cells": round(seconds, 1), "date": date}
    (target / "machine.json").write_text(json.dumps(machine, indent=1) + "\n")
    for page in pages(root):
        write(page, renewed(page.read_text(), name, AblationFolder(target).table("md").read_text(), machine))
    return target


def pages(root: Path) -> list[Path]:
    """The pages that show results."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def renewed(text: str, name: str, table: str, machine: Mapping[str, Any]) -> str:
    """A page with the part marked for an ablation replaced by its table and notes, without heading, and by what on."""
    where = machine["device"] if machine["device"] != "cpu" else f"{machine['processor']}, {machine['threads']} thread"
    minutes = machine["seconds_of_all_cells"] / 60
    made = f"- {machine['cells']} cells, {minutes:.0f} worker-minutes, {where}, {machine['date']}."
    body = f"{table[table.index('|') :].strip()}\n{made}"
    return filled(text, name, body)


def filled(text: str, name: str, body: str) -> str:
    """A page with its part between `<!-- results/<name> -->` and `<!-- end -->`, if it has one, replaced by a body."""
    marked = re.compile(rf"(<!-- results/{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)
