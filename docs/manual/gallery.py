"""The gallery: a page for each file of conf/ablation, with the tables and figures that results/ keeps of it."""

import json
import re
from functools import cache
from pathlib import Path

import yaml

from dropgrid.reports.figure_index import figure_captions
from dropgrid.reports.publish import update_page
from dropgrid.reports.scoreboard import cells_of
from dropgrid.tasks.description import CLASSIFICATION
from manual import docstrings
from manual.options import ROOT

MADE = "<!-- Written by docs/methods.py of conf/ablation and results/; change those, then run it again. -->"
RESULTS = ROOT / "results"
TOPICS = {
    "README": "To begin with",
    "dropblock": "The DropBlock paper",
    "regularizers": "Regularizers, penalties, augmentation",
    "signal": "Normalization, initialization, architecture",
    "optimizers": "Optimizers and schedules",
}
"""Page on which an ablation's table stands -> heading of the index."""


def said(text: str, word: str) -> str:
    """What the comment at the top of the YAML says after `Claim:` and the like, in one line."""
    found = re.search(rf"^# {word}:\s*(.*(?:\n#    .*)*)", text, re.MULTILINE)
    assert found, f"no {word}"
    return docstrings.escaped(" ".join(found[1].replace("\n#", " ").split()))


@cache
def places() -> dict[str, tuple[str, str]]:
    """Ablation -> the page on which its table stands, and the heading above it."""
    found: dict[str, tuple[str, str]] = {}
    for page in TOPICS:
        path = ROOT / ("README.md" if page == "README" else f"docs/{page}.md")
        heading = ""
        for line in path.read_text().splitlines():
            title = re.match(r"##+ (.*)", line)
            mark = re.match(r"<!-- results/(\w+)(?:[@+]\S+)? -->", line)
            heading = title[1] if title else heading
            if mark:
                found.setdefault(mark[1], (page, heading))
    return found


def anchor(heading: str) -> str:
    """As code hosts, and the site, make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pictures(folder: Path) -> str:
    """The figures of a folder of results/."""
    shown = figure_captions(CLASSIFICATION)
    order = list(shown)
    paths = sorted(folder.glob("*.png"), key=lambda path: (order.index(path.stem) if path.stem in order else 99, path))
    return "\n\n".join(
        f"![{shown.get(path.stem, path.stem)}](../../results/{folder.name}/{path.name})" for path in paths
    )


def result(folder: Path) -> str:
    """One run of the ablation: where, figures and table."""
    _, _, scale = folder.name.partition("@")
    machine = json.loads((folder / "machine.json").read_text())
    heading = f"## Result at `scale={scale}`" if scale else "## Result"
    marks = f"<!-- results/{folder.name} -->\n<!-- end -->"
    body = update_page(marks, folder.name, (folder / "table.md").read_text(), machine)
    body = re.sub(r"^## ", "### ", body, flags=re.MULTILINE)
    kept = ", ".join(f"[{name}](../../results/{folder.name}/{name})" for name in ("table.json", "machine.json"))
    return f"{heading}\n\n{pictures(folder)}\n\n{body}\n\nAll numbers, machine and versions: {kept}."


def findings(name: str) -> str:
    """What the published tables of an ablation say of its claims, a line each."""
    lines = []
    for claim in json.loads((RESULTS / "scoreboard.json").read_text())["claims"]:
        if claim["table"].partition("@")[0] == name:
            text, _, ours, n, dose, scale, verdict, protocol, stated, _ = cells_of(claim)
            of = f"n = {n}, dose {dose}, `scale={scale}`, {protocol} protocol, stated {stated}"
            lines.append(f"- **{verdict}**: {text}. Ours: {ours} ({of}).")
    return "\n".join(lines) or "No claim of its source is tested by a published table."


def page(path: Path) -> str:
    """An ablation's page."""
    text, name = path.read_text(), path.stem
    about = yaml.safe_load(text)["ablation"]
    parts = [
        MADE,
        f"# {about['title']}",
        about["question"],
        f"**What was found**\n\n{findings(name)}",
        f"    python scripts/train.py +ablation={name}",
        f"- Claim: {said(text, 'Claim')}\n- Expected: {said(text, 'Expected')}\n- Cost: {said(text, 'Cost')}",
        f"Rows and settings: [conf/ablation/{name}.yaml](../../conf/ablation/{name}.yaml).",
    ]
    if name in places():
        where, heading = places()[name]
        to = f"../../README.md#{anchor(heading)}" if where == "README" else f"../{where}.md#{anchor(heading)}"
        if where != "README":
            parts[-1] += f" What was found: [{heading}]({to}), on the page of its family."
    folders = [RESULTS / name, *sorted(RESULTS.glob(f"{name}@*"))]
    results = [result(folder) for folder in folders if folder.exists()]
    return "\n\n".join([*parts, *(results or ["No result is kept yet."])]) + "\n"


def index(pages: dict[str, str]) -> str:
    """All ablations by topic, each with its question and its first picture."""
    parts = [MADE, "# Gallery of ablations", "Each is one file of conf/ablation, and trains with one command."]
    for topic, heading in TOPICS.items():
        parts.append(f"## {heading}")
        for name in pages:
            if places().get(name, ("", ""))[0] == topic:
                about = yaml.safe_load((ROOT / "conf/ablation" / f"{name}.yaml").read_text())["ablation"]
                parts.append(f"- [{about['title']}]({name}.md): {about['question']}")
                shown = re.findall(r"^!\[(.*)\]\((.*/(?:figure_lines|figure)\.png)\)$", pages[name], re.MULTILINE)
                if shown:
                    parts.append(f'  <img src="{shown[-1][1]}" alt="{shown[-1][0]}" width="360">')
    return "\n\n".join(parts) + "\n"


def texts() -> dict[str, str]:
    """Name of the page -> its text."""
    pages = {path.stem: page(path) for path in sorted((ROOT / "conf" / "ablation").glob("*.yaml"))}
    return {"README": index(pages), **pages}
