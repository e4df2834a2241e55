"""Publish an ablation's small result files in `results/`, and its table in README and docs.

The values behind the table are saved beside it: `python scripts/report.py --from results/<name>` recomputes it.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from dropgrid.errors import UserError
from dropgrid.measure.output import last_measures
from dropgrid.plotting.palette import palette_png
from dropgrid.reports import scoreboard
from dropgrid.reports.formats.markdown import align_table, markdown_text
from dropgrid.reports.recompute import differing_tables, publish_values, recompute_table
from dropgrid.reports.report import build_table
from dropgrid.store.environment import environment
from dropgrid.store.files import read_json, write
from dropgrid.store.layout import AblationFolder, Outputs
from dropgrid.store.published_values import PublishedFolder
from dropgrid.store.records import read_lines, read_result

KINDS = ("md", "json")

MACHINE = ("processor", "cores", "threads", "device", "python", "versions", "source")
"""What machine.json takes from the first cell's environment.json."""

UNKNOWN = "unknown"
"""The instruction set of cells that did not record it."""


def publish(name: str, outputs: Path, root: Path) -> Path:
    """Copy a finished ablation's table and figures to `root/results/<name>` with machine and date, and renew the pages.

    The values of its cells are saved beside it, and the table is recomputed from them as a check. Figures are saved as
    small PNGs, without PDFs. In README.md and docs/*.md the table replaces the text between `<!-- results/<name> -->`
    and `<!-- end -->`.

    Raises:
        UserError: there is no such ablation, some of its cells are not finished, or its table does not match them.
    """
    place, target = Outputs(outputs).ablation(name), root / "results" / name
    results = [read_result(place.outputs.run(line["cell"])) for line in read_lines(place)]
    if not results or None in results:
        raise UserError(f"{name} is not finished in {outputs}; train it first")
    found = table_and_values(name, outputs)
    target.mkdir(parents=True, exist_ok=True)
    for old in [*AblationFolder(target).figures("png"), PublishedFolder(target).correct]:
        old.unlink(missing_ok=True)
    for file, content in found.items():
        (target / file).write_bytes(content)
    for path in place.figures("png"):
        (target / path.name).write_bytes(palette_png(path.read_bytes()))
    machine = machine_of(place, [each for each in results if each is not None])
    PublishedFolder(target).machine.write_text(json.dumps(machine, indent=1) + "\n")
    show_table(PublishedFolder(target), root)
    publish_scoreboard(root)
    return target


def publish_again(folder: Path, root: Path) -> list[Path]:
    """Write a published table again from the values beside it, and renew the pages; return the tables that changed.

    For tables whose words or statistics changed with the code. Tables that differ in the rounding of numbers alone,
    figures and answers that need larger files stay.

    Raises:
        UserError: there is no published table, it was published without its values, or a file is damaged.
    """
    with recompute_table(folder) as (_, contents):
        other = differing_tables(folder, contents)
        for kind, text in contents.items():
            if PublishedFolder(folder).table(kind) in other:
                write(PublishedFolder(folder).table(kind), text)
    show_table(PublishedFolder(folder), root)
    publish_scoreboard(root)
    return other


def publish_diagnostic(numbers: Path, name: str, root: Path) -> Path:
    """Keep the figure and measures of a diagnostic in `root/results/diagnostics/<name>`, and renew the pages.

    In README.md and docs/*.md a table of the measures replaces the text between `<!-- results/diagnostics/<name> -->`
    and `<!-- end -->`.

    Args:
        numbers: the JSON file that `diagnose.py` wrote, with its figure beside it.

    Raises:
        UserError: it is not there or damaged, or has no figure.
    """
    if not re.fullmatch(r"\w+", name):
        raise UserError(f"a diagnostic is kept under a name of letters, digits and _, got {name!r}")
    found, figure = read_json(numbers), numbers.with_suffix(".png")
    if not isinstance(found, dict) or not {"diagnostic", "asked", "found"} <= found.keys() or not figure.exists():
        raise UserError(f"{numbers} is no file of numbers that diagnose.py wrote with a figure beside it")
    made = [{key: each[key] for key in ("configuration", "step", "measures")} for each in found["found"]]
    about = environment(torch.device("cpu"), {})
    machine = {key: about[key] for key in ("processor", "capability", "versions")}
    kept = Outputs(root / "results").diagnostics(name)
    target = kept.numbers(found["diagnostic"])
    write(target, json.dumps({**found, "found": made, "machine": machine}, indent=1) + "\n")
    write(kept.figure(found["diagnostic"]), palette_png(figure.read_bytes()))
    title, labels, lines = last_measures(found["diagnostic"], made)
    shown = [[markdown_text(text) for text in line] for line in ([title, *labels], *lines)]
    table = align_table(shown, [column == 0 for column in range(1 + len(labels))])
    body = f"{table}\n\n- One seed. {machine['processor']} ({machine['capability']})."
    for page in result_pages(root):
        write(page, replace_results(page.read_text("utf-8"), f"diagnostics/{name}", body))
    return target


def show_table(published: PublishedFolder, root: Path) -> None:
    """Replace a published table in README.md and docs/*.md."""
    table, machine = published.table("md").read_text("utf-8"), json.loads(published.machine.read_text("utf-8"))
    for page in result_pages(root):
        write(page, update_page(page.read_text("utf-8"), published.folder.name, table, machine))


def publish_scoreboard(root: Path) -> None:
    """Renew results/scoreboard.json and what pages show of it, from all published tables."""
    claims = scoreboard.scoreboard(root / "results")
    write(root / "results" / f"{scoreboard.NAME}.json", scoreboard.as_json(claims))
    for page in result_pages(root):
        text = replace_results(page.read_text(), scoreboard.NAME, scoreboard.as_markdown(claims))
        write(page, replace_results(text, f"{scoreboard.NAME} counts", scoreboard.summary(claims)))


def table_and_values(name: str, outputs: Path) -> dict[str, bytes]:
    """Return file name -> content of an ablation's table and of the values behind it; UserError if they disagree."""
    place = Outputs(outputs).ablation(name)
    with TemporaryDirectory() as made:
        beside = PublishedFolder(Path(made))
        for kind in KINDS:
            shutil.copy(place.table(kind), beside.table(kind))
        publish_values(build_table(name, outputs), outputs, beside.folder)
        with recompute_table(beside.folder) as (_, contents):
            if differing_tables(beside.folder, contents):
                again = f"run python scripts/report.py {name}, then publish again"
                raise UserError(f"the table in {place.folder} is not what its cells give now; {again}")
        return {path.name: path.read_bytes() for path in beside.folder.iterdir()}


def machine_of(place: AblationFolder, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return machine.json: where the first cell ran, all cells' instruction sets and total time, and the last day."""
    environment = read_json(place.outputs.run(read_lines(place)[0]["cell"]).environment)
    machine = {key: environment[key] for key in MACHINE}
    machine["capability"] = Counter(result["provenance"].get("capability") or UNKNOWN for result in results)
    seconds = sum(result["timing"]["total_seconds"] for result in results)
    last = max(result["provenance"]["finished"] for result in results)
    date = datetime.fromtimestamp(last, UTC).date().isoformat()
    return machine | {"cells": len(results), "seconds_of_all_cells": round(seconds, 1), "date": date}


def result_pages(root: Path) -> list[Path]:
    """Return the pages that show results."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def update_page(text: str, name: str, table: str, machine: Mapping[str, Any]) -> str:
    """Return a page with the part marked for an ablation replaced by its table, notes, and the machine."""
    where = machine["device"] if machine["device"] != "cpu" else f"{machine['processor']}, {machine['threads']} thread"
    minutes = machine["seconds_of_all_cells"] / 60
    made = f"- {machine['cells']} cells, {minutes:.0f} worker-minutes, {where}, {machine['date']}."
    body = f"{table[table.index('|') :].strip()}\n{made}"
    return replace_results(text, name, body)


def replace_results(text: str, name: str, body: str) -> str:
    """Return a page with the part between `<!-- results/<name> -->` and `<!-- end -->`, if any, replaced by a body."""
    marked = re.compile(rf"(<!-- results/{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)
