"""The W&B workspace of an ablation: its runs by row, in charts that group seeds."""

import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from dropgrid.loggers.wandb import ablation_tag, rows_key
from dropgrid.printable import printable
from dropgrid.reports.comparability import row_differences
from dropgrid.reports.table import Table

Panel = Any
"""A panel of wandb_workspaces, whose union type has no public name."""

PINNED = ("test/acc_last", "test/acc_best", "train/acc", "gap", "flagged")
"""Keys of a run's summary that the table of runs shows first."""

SETTINGS = 8
"""The most keys in the chart of parallel coordinates."""


def make_workspace(table: Table, *, project: str, entity: str, name: str = "", id: str = "") -> ws.Workspace:
    """Return the workspace of an ablation; `name` and `id` are those of an existing one to replace."""
    made = ws.Workspace(
        entity=entity,
        project=project,
        name=without_signs(table.ablation.name),
        sections=[
            ws.Section(name=title, panels=panels, is_open=number < 2)
            for number, (title, panels) in enumerate(panel_sections(table).items())
        ],
        settings=ws.WorkspaceSettings(x_axis="step", max_runs=50),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Tags().isin([ablation_tag(table.ablation.name)])),
            groupby=[ws.Config(each) for each in group_keys(table)],
            pinned_columns=[f"summary:{each}" for each in PINNED],
        ),
    )
    cleaned(made)
    made._internal_name, made._internal_id = name, id
    return made


def cleaned(part: Any) -> Any:
    """Return a part of a workspace or report, whose texts are made `printable` in place; a new text or list of them."""
    if isinstance(part, str):
        return part if (shown := printable(part)) == part else shown
    if isinstance(part, list):
        found = [cleaned(each) for each in part]
        return part if all(one is two for one, two in zip(part, found, strict=True)) else found
    if is_dataclass(part):
        for each in fields(part):
            value = getattr(part, each.name)
            if not each.name.startswith("_") and (shown := cleaned(value)) is not value:
                setattr(part, each.name, shown)
    return part


def without_signs(name: str) -> str:
    """Replace signs (`+`, `=`), which a workspace's name may not contain, by hyphens."""
    return "".join("-" if unicodedata.category(each).startswith("S") else each for each in name)


def group_keys(table: Table) -> list[str]:
    """Return the keys of the config that define the table's rows: the row, and each swept key."""
    return [f"rows.{rows_key(table.ablation.name)}", *table.ablation.blocks[0].factors]


def panel_sections(table: Table) -> dict[str, list[Panel]]:
    """Return title -> panels."""
    sites = list(dict.fromkeys(str(site["site"]) for cell in table.ablation.cells for site in cell.sites))
    found: dict[str, list[Panel]] = {
        "Accuracy": [
            row_chart(table, "Validation accuracy", "val/acc"),
            *(
                wr.BarPlot(title=title, metrics=[metric], groupby=group_key(table), groupby_rangefunc="stddev")
                for title, metric in (
                    ("Test accuracy", "test/acc_last"),
                    ("Test accuracy, best epoch", "test/acc_best"),
                )
            ),
        ],
        "Learning curves": [
            row_chart(table, title, metric)
            for title, metric in (
                ("Training loss", "train/loss"),
                ("Validation loss", "val/loss"),
                ("Training accuracy", "train/acc"),
                ("Learning rate", "lr"),
            )
        ],
    }
    if sites:
        found["Drop rates"] = [
            row_chart(table, "keep_prob", "keep_prob"),
            *(row_chart(table, f"Realised fraction at {site}", f"drop/{site}") for site in sites),
            *(
                wr.BarPlot(title=f"{part.capitalize()}, all of training", metrics=[f"{part}/{site}" for site in sites])
                for part in ("expected", "realised")
            ),
        ]
    found["Settings"] = [parallel_chart(table), wr.RunComparer(diff_only="split")]
    found["Images"] = [
        wr.MediaBrowser(title=title, media_keys=keys, num_columns=4)
        for title, keys in (
            ("Predictions", ["predictions/confusion", "predictions/examples"]),
            ("Diagnosis", diagnosis_keys(table)),
        )
        if keys
    ]
    return found


def group_key(table: Table) -> wr.Config | None:
    """Return the row, by which charts group; None if there are more keys, and charts follow the table of runs."""
    keys = group_keys(table)
    return wr.Config(keys[0]) if len(keys) == 1 else None


def row_chart(table: Table, title: str, metric: str) -> wr.LinePlot:
    """Return a chart of one curve per row: the mean over seeds, with a band of one standard deviation."""
    return wr.LinePlot(
        title=title,
        x="step",
        y=[metric],
        groupby=group_key(table),
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
    )


def parallel_chart(table: Table) -> wr.ParallelCoordinatesPlot:
    """Return a chart of one line per run through the settings in which rows differ, to its accuracy."""
    keys = list(dict.fromkeys([*table.ablation.blocks[0].factors, *differing_keys(table)]))[:SETTINGS]
    columns = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(each)) for each in keys]
    headline = wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(table.ablation.metric))
    return wr.ParallelCoordinatesPlot(title="Settings against accuracy", columns=[*columns, headline])


def differing_keys(table: Table) -> list[str]:
    """Return the config keys in which a row differs from the baseline, except constructors and fingerprints."""
    baseline = table.ablation.baseline
    found = [
        each for block in table.ablation.blocks for pairs in row_differences(block, baseline).values() for each in pairs
    ]
    return [each for each in dict.fromkeys(found) if not each.endswith((".option", ".fingerprint"))]


def diagnosis_keys(table: Table) -> list[str]:
    """Return the keys of the figures that the cells' diagnoses log, one for each diagnostic."""
    configs = [(cell.config or {}).get("diagnosis") or {} for cell in table.ablation.cells]
    found = dict.fromkeys(name for each in configs for name, node in each.items() if isinstance(node, Mapping))
    return [f"diagnosis/{each}" for each in found]
