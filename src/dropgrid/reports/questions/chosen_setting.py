"""The value of a setting that validation chooses, and its test metric, for each series of a figure.

figure: {x: optimizer.lr}   # the other keys are in `line_series`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.reports import line_series
from dropgrid.reports.columns import format_headline, format_number, headline_title
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Row, Table

ORDER = 75
JSON = "chosen"

ON_TEST = "test"
"""`data.val` of cells whose validation images are the test images."""


@dataclass(frozen=True)
class Chosen:
    """The value of `x` that validation chooses for a series, its validation metric in percent, and its row.

    `at_the_end`: the value is the lowest or the highest tried.
    """

    series: str
    factors: Mapping[str, str]
    x: str
    value: float
    at_the_end: bool
    validation: float
    row: Row


def compute(table: Table) -> list[Chosen]:
    """Return the choice of each finished series with two values or more; empty without a figure.

    The choice is the value with the highest validation metric, mean over seeds; of equal ones the lowest value.
    """
    figure = line_series.figure_options(table) or {}
    found = []
    for block, each in line_series.each_series(table):
        chosen = each.chosen
        score = None if chosen is None else each.validation[chosen]
        if chosen is not None and score is not None:
            value, row = each.points[chosen]
            end = chosen in (0, len(each.points) - 1)
            found.append(Chosen(each.name, block.factors, figure["x"], value, end, score, row))
    return found


def to_json(each: Chosen) -> dict[str, Any]:
    """Return a choice for table.json, unrounded; the row's numbers are under `rows`."""
    return {
        "series": each.series,
        "factors": dict(each.factors),
        "x": each.x,
        "value": each.value,
        "at_the_end": each.at_the_end,
        "validation": each.validation,
        "row": each.row.name,
        "mean": each.row.sample.mean,
    }


def section(table: Table, found: Sequence[Chosen]) -> Section:
    """Return the table of choices, one series per line."""
    label, task = line_series.axis_label(line_series.figure_options(table) or {}), table.ablation.task
    factors = factor_keys([each.factors for each in found])
    validation = f"{task.title(task.selecting(table.ablation.metric))}, {task.unit}"
    lines = [["Series", *factors, label, "n", validation, f"{headline_title(table)}, {task.unit}"]]
    for each in found:
        where = [each.factors.get(key, "") for key in factors]
        value = f"{each.value:g}{' (end)' if each.at_the_end else ''}"
        texts = [value, str(each.row.sample.n), format_number(each.validation), format_headline(each.row)]
        lines.append([each.series, *where, *texts])
    return Section(
        f"Value of {label} chosen on validation",
        lines,
        1 + len(factors),
        explanation(table, found, label),
        below="figure_lines",
    )


def explanation(table: Table, found: Sequence[Chosen], label: str) -> str:
    """Return how values are chosen, and what the choice does not allow for."""
    task = table.ablation.task
    validation = task.title(task.selecting(table.ablation.metric))
    parts = [
        f"Of each series the {label} with the highest mean over the seeds of: {validation} (of equals the lowest). Its "
        f"{headline_title(table)} is quoted; the choice does not use it."
    ]
    if any(each.at_the_end for each in found):
        parts.append("End: the lowest or highest value tried; a better one may lie beyond.")
    return " ".join(parts)


def note(table: Table, found: Sequence[Chosen]) -> list[str]:
    """Return why a figure's values are not chosen, or not fairly."""
    figure = line_series.figure_options(table)
    if figure is None:
        return []
    label = line_series.axis_label(figure)
    if any((cell.config.get("data") or {}).get("val") == ON_TEST for cell in table.ablation.cells):
        return [f"The validation images are the test images: the choice of {label} is optimistic."] if found else []
    several = [each for _, each in line_series.each_series(table) if each.complete and len(each.points) > 1]
    without = [each.name for each in several if each.chosen is None]
    if not without:
        return []
    metric = table.ablation.task.selecting(table.ablation.metric)
    names = ", ".join(f"“{name}”" for name in dict.fromkeys(without))
    return [f"No {label} is chosen for {names}: the choice needs {metric}, which these cells do not have."]
