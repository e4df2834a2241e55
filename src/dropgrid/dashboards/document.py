"""The W&B report of an ablation: the content of the local page, beside charts of the runs."""

import re
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from dropgrid.dashboards.workspace import cleaned, group_keys, panel_sections
from dropgrid.loggers.wandb import ablation_tag, short_tag
from dropgrid.reports.formats import markdown
from dropgrid.reports.table import Table

SHOWN = ("Accuracy", "Learning curves", "Drop rates")
"""Sections of the workspace that the report repeats."""

LONGEST = 128
"""Characters of a report's title."""


def make_report(table: Table, figures: list[str], *, project: str, entity: str, id: str = "") -> wr.Report:
    """Return the report of an ablation whose figures are logged under the given keys; `id` names one to replace."""
    about = table.ablation.about
    name = table.ablation.name
    panels = panel_sections(table)
    blocks: list[Any] = [
        *paragraphs(table),
        wr.MarkdownBlock(text=without_heading(markdown.render(table))),
        *(
            [wr.H1("Figures"), wr.PanelGrid(runsets=[figure_run(name)], panels=[figure_panel(figures)])]
            if figures
            else []
        ),
        wr.H1("Runs"),
        wr.PanelGrid(
            runsets=[cell_runs(table)],
            panels=[panel for title in SHOWN for panel in panels.get(title, [])],
        ),
        wr.H1("Again"),
        wr.MarkdownBlock(text=fenced(about.get("command") or f"python scripts/train.py +ablation={name}")),
    ]
    made = wr.Report(
        project=project,
        entity=entity,
        title=table.title if len(table.title) <= LONGEST else f"{table.title[: LONGEST - 1]}…",
        description=str(about.get("question") or ""),
        width="fluid",
        blocks=blocks,
    )
    cleaned(made)
    made.id = id
    return made


def fenced(command: str) -> str:
    """Return a command as Markdown's block of code, which nothing in it ends."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    return f"{fence}shell\n{' '.join(command.split())}\n{fence}"


def paragraphs(table: Table) -> list[wr.P]:
    """Return paragraphs of the question, the claim and the cost."""
    about = table.ablation.about
    parts = [("Question", table.question), ("Claim", about.get("claim")), ("Cost", about.get("cost"))]
    return [wr.P(f"{head}: {text}") for head, text in parts if text]


def without_heading(text: str) -> str:
    """Return Markdown from its first table on, without title and question."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("|")), 0)
    return "\n".join(lines[start:])


def cell_runs(table: Table) -> wr.Runset:
    """Return the set of runs of the ablation's cells, grouped by row."""
    name = table.ablation.name
    return wr.Runset(
        name=name,
        filters=ws.And(ws.Tags().isin([ablation_tag(name)])),
        groupby=[f"config.{each}" for each in group_keys(table)],
    )


def figure_run(name: str) -> wr.Runset:
    """Return the set of the one run that holds the ablation's figures."""
    return wr.Runset(name="figures", filters=ws.And(ws.Tags().isin([report_tag(name)])))


def report_tag(name: str) -> str:
    """Return the tag of the run that holds an ablation's figures."""
    return short_tag(f"report:{name}")


def figure_panel(figures: list[str]) -> wr.MediaBrowser:
    """Return a panel of the figures, one below the other."""
    return wr.MediaBrowser(media_keys=figures, num_columns=1, layout=wr.Layout(w=24, h=18))
