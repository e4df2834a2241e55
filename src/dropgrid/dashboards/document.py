"""An ablation's W&B report: what the local page says, beside charts of the runs themselves."""

from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from dropgrid.dashboards.workspace import groups, sections
from dropgrid.loggers.wandb import of_ablation, short
from dropgrid.reports.formats import markdown
from dropgrid.reports.table import Table


def report(table: Table, figures: list[str], *, project: str, entity: str, id: str = "") -> wr.Report:
    """The report of an ablation whose figures are logged under those keys; `id` is that of the one to replace."""
    about = table.ablation.about
    shown = (table.ablation.task.quantity, "Learning curves", "Drop rates")  # sections of the workspace
    name = table.ablation.name
    panels = sections(table)
    blocks: list[Any] = [
        *paragraphs(table),
        wr.MarkdownBlock(text=without_heading(markdown.render(table))),
        *([wr.H1("Figures"), wr.PanelGrid(runsets=[of_figures(name)], panels=[gallery(figures)])] if figures else []),
        wr.H1("Runs"),
        wr.PanelGrid(
            runsets=[of_cells(table)],
            panels=[panel for title in shown for panel in panels.get(title, [])],
        ),
        wr.H1("Again"),
        wr.MarkdownBlock(text=f"```shell\n{about.get('command') or f'python scripts/train.py +ablation={name}'}\n```"),
    ]
    made = wr.Report(
        project=project,
        entity=entity,
        title=table.title,
        description=str(about.get("question") or ""),
        width="fluid",
        blocks=blocks,
    )
    made.id = id
    return made


def paragraphs(table: Table) -> list[wr.P]:
    """What was asked, and what was claimed."""
    about = table.ablation.about
    said = [("Question", table.question), ("Claim", about.get("claim")), ("Cost", about.get("cost"))]
    return [wr.P(f"{head}: {text}") for head, text in said if text]


def without_heading(text: str) -> str:
    """Markdown from its first table on: title and question stand above."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("|")), 0)
    return "\n".join(lines[start:])


def of_cells(table: Table) -> wr.Runset:
    """The ablation's cells, by row."""
    name = table.ablation.name
    return wr.Runset(
        name=name,
        filters=ws.And(ws.Tags().isin([of_ablation(name)])),
        groupby=[f"config.{each}" for each in groups(table)],
    )


def of_figures(name: str) -> wr.Runset:
    """The one run that holds the ablation's figures."""
    return wr.Runset(name="figures", filters=ws.And(ws.Tags().isin([of_report(name)])))


def of_report(name: str) -> str:
    """The tag of that run."""
    return short(f"report:{name}")


def gallery(figures: list[str]) -> wr.MediaBrowser:
    """The figures, one below the other."""
    return wr.MediaBrowser(media_keys=figures, num_columns=1, layout=wr.Layout(w=24, h=18))
