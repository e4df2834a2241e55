"""An ablation's W&B workspace: its runs by row, in charts that group seeds."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from dropgrid.loggers.wandb import key, of_ablation
from dropgrid.reports.comparability import row_differences
from dropgrid.reports.table import Table
from dropgrid.tasks.description import TaskDescription

Panel = Any
"""One of wandb_workspaces' panels, whose own union of them has no public name."""

SETTINGS = 8
"""Keys across which lines are drawn in parallel, at most."""


def workspace(table: Table, *, project: str, entity: str, name: str = "", id: str = "") -> ws.Workspace:
    """The workspace of an ablation; `name` and `id` are those of the one to replace."""
    made = ws.Workspace(
        entity=entity,
        project=project,
        name=spelled(table.ablation.name),
        sections=[
            ws.Section(name=title, panels=panels, is_open=number < 2)
            for number, (title, panels) in enumerate(sections(table).items())
        ],
        settings=ws.WorkspaceSettings(x_axis="step", max_runs=50),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Tags().isin([of_ablation(table.ablation.name)])),
            groupby=[ws.Config(each) for each in groups(table)],
            pinned_columns=[f"summary:{each}" for each in pinned(table.ablation.task)],
        ),
    )
    made._internal_name, made._internal_id = name, id
    return made


def pinned(task: TaskDescription) -> list[str]:
    """Return what the table of runs shows first of a run's summary."""
    return [*(task.metric("test", each) for each in ("last", "best")), task.metric("train"), "gap", "flagged"]


def spelled(name: str) -> str:
    """A name without signs (`+`, `=`), which a workspace's may not have."""
    return "".join("-" if unicodedata.category(each).startswith("S") else each for each in name)


def groups(table: Table) -> list[str]:
    """The keys of the config whose values make the rows of the table: the row, and each swept key."""
    return [f"rows.{key(table.ablation.name)}", *table.ablation.blocks[0].factors]


def sections(table: Table) -> dict[str, list[Panel]]:
    """Title -> panels."""
    sites = list(dict.fromkeys(str(site["site"]) for cell in table.ablation.cells for site in cell.sites))
    task = table.ablation.task
    last, best = task.metric("test", "last"), task.metric("test", "best")
    found: dict[str, list[Panel]] = {
        task.quantity: [
            by_row(table, task.title(task.selected), task.selected),
            *(
                wr.BarPlot(title=title, metrics=[metric], groupby=grouped(table), groupby_rangefunc="stddev")
                for title, metric in ((task.title(last), last), (f"{task.title(last)}, best epoch", best))
            ),
        ],
        "Learning curves": [by_row(table, title, metric) for metric, title in curves(task).items()],
    }
    if sites:
        found["Drop rates"] = [
            by_row(table, "keep_prob", "keep_prob"),
            *(by_row(table, f"Realised fraction at {site}", f"drop/{site}") for site in sites),
            *(
                wr.BarPlot(title=f"{part.capitalize()}, all of training", metrics=[f"{part}/{site}" for site in sites])
                for part in ("expected", "realised")
            ),
        ]
    found["Settings"] = [parallel(table), wr.RunComparer(diff_only="split")]
    found["Pictures"] = [
        wr.MediaBrowser(title=title, media_keys=keys, num_columns=4)
        for title, keys in (
            ("Predictions", ["predictions/confusion", "predictions/examples"]),
            ("Diagnosis", diagnoses(table)),
        )
        if keys
    ]
    return found


def curves(task: TaskDescription) -> dict[str, str]:
    """Return what is drawn by epoch beside the selected metric, with its titles: losses first, the rate last."""
    losses = {key: title for key, title in task.shown.items() if key.endswith("/loss")}
    others = {key: title for key, title in task.shown.items() if key != task.selected}
    return losses | others | {"lr": "Learning rate"}


def grouped(table: Table) -> wr.Config | None:
    """The row, as charts group by it; None where there are more keys, and charts follow the table of runs."""
    keys = groups(table)
    return wr.Config(keys[0]) if len(keys) == 1 else None


def by_row(table: Table, title: str, metric: str) -> wr.LinePlot:
    """A curve a row: mean over seeds, with a band of a standard deviation."""
    return wr.LinePlot(
        title=title,
        x="step",
        y=[metric],
        groupby=grouped(table),
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
    )


def parallel(table: Table) -> wr.ParallelCoordinatesPlot:
    """A line a run through the settings in which rows differ, to its headline."""
    keys = list(dict.fromkeys([*table.ablation.blocks[0].factors, *differing(table)]))[:SETTINGS]
    columns = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(each)) for each in keys]
    headline = wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(table.ablation.metric))
    return wr.ParallelCoordinatesPlot(
        title=f"Settings against {table.ablation.task.quantity.lower()}", columns=[*columns, headline]
    )


def differing(table: Table) -> list[str]:
    """Keys of the config in which some row differs from the baseline; those of constructors and fingerprints aside."""
    baseline = table.ablation.baseline
    found = [
        each for block in table.ablation.blocks for pairs in row_differences(block, baseline).values() for each in pairs
    ]
    return [each for each in dict.fromkeys(found) if not each.endswith((".option", ".fingerprint"))]


def diagnoses(table: Table) -> list[str]:
    """The pictures that its cells' diagnoses made: of what each config of a diagnosis has of options."""
    asked = [(cell.config or {}).get("diagnosis") or {} for cell in table.ablation.cells]
    found = dict.fromkeys(name for each in asked for name, node in each.items() if isinstance(node, Mapping))
    return [f"diagnosis/{each}" for each in found]
