"""The notes under the table on what its intervals cover, and what they could have shown."""

import math
from collections.abc import Sequence

from dropgrid.reports.columns import format_signed
from dropgrid.reports.comparisons import FULL
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import ROUNDING
from dropgrid.tasks.description import PERCENT


def interval_notes(table: Table) -> list[str]:
    """Return notes on what the intervals cover."""
    sizes = sorted({row.planned for row in table.rows})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    judged = [row for row in table.rows if row.difference is not None and row.difference.ci95 is not None]
    if not judged:
        if sizes != [1]:
            return []
        return ["One seed a row: no standard deviation, no interval, no verdict; a single pair shows nothing."]
    shown = [row for row in judged if row.comparison is not None]
    images = covers_images(judged)
    if table.ablation.foreign:
        return [*foreign_notes(judged, n), *simultaneous_notes(shown, images, foreign=True)]
    return [
        f"Differences: Student t, 95 %, n = {n} seeds, paired by seed; each interval is for one comparison and covers "
        "the randomness of training alone (initial weights, order of data, masks) on these test images.",
        *simultaneous_notes(shown, images),
    ]


def foreign_notes(rows: Sequence[Row], n: str) -> list[str]:
    """Return notes on runs that others trained: how they are compared, and what is not known of them."""
    apart = [row.name for row in rows if not row.differences]
    how = "paired by seed" if not apart else "unpaired (Welch)"
    if apart and len(apart) < len(rows):
        how = f"paired by seed, but unpaired (Welch) for other seeds than the baseline's: {', '.join(apart)}"
    return [
        f"Differences: Student t, 95 %, n = {n} runs, {how}; each interval is for one comparison and covers what "
        "differs from run to run.",
        "Drop-rate check: not available, others trained these runs.",
    ]


def simultaneous_notes(rows: Sequence[Row], images: bool, foreign: bool = False) -> list[str]:
    """Return notes on the simultaneous intervals, and on how rows vary together."""
    compared = [row.comparison for row in rows if row.comparison is not None]
    if not compared:
        return []
    family = max(each.family for each in compared)
    covers = (
        "They cover training and the choice of test images (seeds × images, from the predictions): other images of the "
        "same kind would move all rows."
        if images
        else "They cover training alone, on these test images: the cells have no predictions to tell more."
    )
    if foreign:
        together = f"all {family} hold together with 95 %" if family > 1 else "it holds with 95 %: there is one"
        return [
            f"Simultaneous: Student t with each row's own spread, at Šidák's level, so that {together}. They cover "
            + (
                "what differs from run to run and the choice of test images: others would move all rows."
                if images
                else "what differs from run to run, on these test data: there are no predictions to tell more."
            )
        ]
    found = [
        f"Simultaneous: Student t with seeds as blocks and each row's own spread, at Šidák's level, so that all "
        f"{family} hold together with 95 %. {covers}"
        if family > 1
        else f"Simultaneous: the paired t interval of one comparison. {covers}"
    ]
    known = [row.correlation for row in rows if row.correlation is not None]
    if known:
        found.append(
            f"Correlation with the baseline over seeds: {format_signed(min(known))} to {format_signed(max(known))}; "
            "if it is low, pairing gains nothing, and Welch's interval (on the page, in table.json) is the fairer one."
        )
    return found


def power_notes(table: Table) -> list[str]:
    """Return a note on the difference that could have been shown."""
    sizes = sorted(row.comparison.detectable for row in table.rows if row.comparison is not None and row.verdict)
    if not sizes or sizes[-1] <= ROUNDING:
        return []
    most_of_share = FULL if table.ablation.task.unit == PERCENT else math.inf
    decimals = max(row.decimals for row in table.rows)
    least, most = (f"{size:.{decimals}f}" if size < most_of_share else "over 100" for size in (sizes[0], sizes[-1]))
    range_ = (least if least == most else f"{least} to {most}") + unit_of(table)
    return [f"Differences of {range_}, by row, can be shown with 80 % power by these seeds{of_images(table)}."]


def of_images(table: Table) -> str:
    """Return ` and test images`, unless nothing is known of them."""
    return " and test images" if covers_images(table.rows) else ""


def covers_images(rows: Sequence[Row]) -> bool:
    """Predicate: simultaneous intervals cover the choice of test images."""
    return any(row.comparison is not None and row.comparison.examples is not None for row in rows)


def unit_of(table: Table) -> str:
    """Return the unit of differences, after a blank; empty if they have none."""
    unit = table.ablation.task.difference_unit
    return f" {unit}" if unit else ""
