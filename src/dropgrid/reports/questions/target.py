"""The steps that a row's cells need to reach a level of the selected metric, as `ablation.target` asks.

target: 90            # percent, of validation
target: {train: 99}   # of training
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports.columns import format_mean_std
from dropgrid.reports.section import Section, factor_keys, format_with_interval
from dropgrid.reports.table import Table
from dropgrid.statistics.samples import Interval, Sample, describe, geometric_ratio
from dropgrid.store.cell import Cell

ORDER = 50
JSON = "targets"

PHASES = ("val", "train")

SEEN = {"train": ", of its images as they were trained on"}


@dataclass(frozen=True)
class Target:
    """How a row reaches the target: its `n` finished cells, how many `reached` it, and their steps.

    `ratio` is steps over the baseline's, a geometric mean over seeds, with its 95 % interval; None for the baseline and
    if some cell of either never reached the target, because its steps are unknown.
    """

    row: str
    factors: Mapping[str, str]
    n: int
    reached: int
    steps: Sample
    ratio: float | None
    ci95: Interval | None


def check(asked: Any, rows: Mapping[str, Any]) -> None:
    """Raise UserError if `ablation.target` is no percentage."""
    if asked is None:
        return
    if isinstance(asked, Mapping) and len(asked) == 1 and set(asked) <= set(PHASES):
        ((_, percent),) = asked.items()
    else:
        percent = asked
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 100:
        raise UserError(
            f"ablation.target is an accuracy in percent, above 0 to 100, such as 80, or {{train: 99}}, got {asked!r}"
        )


def split_target(asked: Any) -> tuple[str, float]:
    """Return the phase of the target metric, and the target in percent."""
    ((of, percent),) = asked.items() if isinstance(asked, Mapping) else [("val", asked)]
    return of, percent


def compute(table: Table) -> list[Target]:
    """Return every row's steps to the target, block by block; empty if none is requested."""
    ablation = table.ablation
    asked = ablation.about.get("target")
    check(asked, {})
    found: list[Target] = []
    if asked is None:
        return found
    of, percent = split_target(asked)
    for block in ablation.blocks:
        taken = {
            row: steps_to_target(cells, ablation.task.metric(of), percent / 100) for row, cells in block.rows.items()
        }
        reference = taken[ablation.baseline]
        for row, own in taken.items():
            there = {seed: step for seed, step in own.items() if step is not None}
            all_reached = None not in own.values() and None not in reference.values()
            ratio: tuple[float | None, Interval | None] = None, None
            if row != ablation.baseline and all_reached and own:
                ratio = geometric_ratio(there, {seed: step for seed, step in reference.items() if step is not None})
            found.append(Target(row, block.factors, len(own), len(there), describe([*there.values()]), *ratio))
    return found


def steps_to_target(cells: Sequence[Cell], column: str, level: float) -> dict[int, int | None]:
    """Return seed -> the steps after which a finished cell first reached the level, by epoch; None if it never did."""
    found = {}
    for cell in cells:
        if cell.status == "finished":
            after, own = cell.curve("step"), cell.curve(column)
            found[cell.seed] = next((int(after[epoch]) for epoch in sorted(own) if own[epoch] >= level), None)
    return found


def section(table: Table, found: Sequence[Target]) -> Section | None:
    """Return the table, one row per line; None if nothing is finished."""
    if not any(each.n for each in found):
        return None
    factors = factor_keys([each.factors for each in found])
    lines = [["Row", *factors, "n", "Reached it", "Steps", "Steps of the baseline, × [95 % CI]"]]
    for each in found:
        where = [each.factors.get(key, "") for key in factors]
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else format_with_interval(each.ratio, each.ci95)
        steps = format_mean_std(each.steps.mean, each.steps.std, 0)
        lines.append([each.row, *where, str(each.n), str(each.reached), steps, ratio])
    of, percent = split_target(table.ablation.about["target"])
    task = table.ablation.task
    target = f"{percent:g} {task.unit} {task.shown.get(task.metric(of), task.metric(of)).lower()}"
    return Section(
        f"Steps to {target}",
        lines,
        1 + len(factors),
        f"The steps of training after the first epoch with {target} or more{SEEN.get(of, '')}: mean ± standard "
        "deviation over the cells that reached it. The ratio to the baseline is a geometric mean over seeds, its "
        "interval Student's of the logarithms; it is not given where some cell of either row never reached the target.",
        brief=True,
    )
