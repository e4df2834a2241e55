"""Numbers and pictures into `results/optimizer_paths`, the table into the page that shows them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.plotting.palette import palette_png
from dropgrid.reports.publish import replace_results
from dropgrid.store.files import read_text, write
from optimizer_paths.record import markdown

PAGE = Path("docs") / "optimizer_paths.md"
KEPT = Path("results") / "optimizer_paths"


def renewed(text: str, found: Mapping[str, Any]) -> str:
    """The page with its marked part made of the findings."""
    return replace_results(text, KEPT.name, markdown(found).removesuffix("\n"))


def publish(source: Path, root: Path) -> Path:
    """Copy what is shown of a folder of pictures, and renew the page; UserError outside a checkout."""
    text = read_text(root / PAGE)
    if text is None:
        raise UserError(f"--publish is for a checkout: there is no {root / PAGE}")
    target = root / KEPT
    for path in sorted([*source.glob("*.png"), *source.glob("*.webp"), source / "findings.json"]):
        data = path.read_bytes()
        write(target / path.name, palette_png(data) if path.suffix == ".png" else data)
    write(root / PAGE, renewed(text, json.loads((target / "findings.json").read_text())))
    return target
