"""Compare runs that others trained: the tables, verdicts and figures of an ablation, from a table of results.

A line is a run: a row (method), a seed, and a metric. What is not known of such runs is not claimed: their drop rates
were not checked, and rows whose seeds differ are compared unpaired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.reports.report import Report, write_table
from dropgrid.reports.run_columns import (
    LOWER,
    baseline_row,
    chosen_columns,
    metric_column,
    number,
    seed_column,
    seed_number,
    text_of,
    two_values,
    unit_of,
)
from dropgrid.reports.run_images import by_image
from dropgrid.reports.table import Row, Table, tabulate
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell, Known
from dropgrid.store.evaluations import SHARE, Measured
from dropgrid.store.published_values import ImageValues
from dropgrid.tasks.description import PERCENT, TaskDescription

if TYPE_CHECKING:
    from pandas import DataFrame

Result = tuple[float, ImageValues | None]
"""A run's metric, and what each test image adds to it if that is known."""

GIVEN = "given"
"""The evaluation that a metric counts as: evaluations have units of their own."""


@dataclass(frozen=True)
class Compared:
    """Rows of runs, compared with a baseline.

    Args:
        report: the table as an ablation's.
        said: what was guessed or left out, a sentence each.
    """

    report: Table
    said: Sequence[str]

    @cached_property
    def table(self) -> "DataFrame":
        """One line a row: its factors, row, n, mean, std, delta, ci95 of one comparison and simultaneous, verdict."""
        import pandas as pd

        return pd.DataFrame([dataframe_row(row) for row in self.report.rows])

    def write(self, folder: Path | str) -> list[Path]:
        """Write table.{md,csv,tex,json}, figures and report.html into a folder; return their paths."""
        return write_table(self.report, Path(folder))

    def __str__(self) -> str:
        return "\n".join([*self.said, Report(self.report, []).text])


def compare(
    frame: "DataFrame",
    *,
    row: str | Sequence[str] | None = None,
    seed: str | None = None,
    metric: str | None = None,
    baseline: str | None = None,
    by: str | Sequence[str] = (),
    margin: float | None = None,
    lower_is_better: bool | None = None,
    unit: str | None = None,
    image: str | None = None,
    title: str | None = None,
) -> Compared:
    """Return how the rows of a table of runs compare with a baseline, by the rule of dropgrid's own tables.

    A row's difference to the baseline is paired by seed if both have the same seeds, else Welch's. Its simultaneous
    interval decides: `above` or `below` if it lies on one side of 0, `equal` by two one-sided tests within ±margin,
    else `open`.

    Args:
        frame: a line a run, or with `image` a line an image of a run.
        row: the column, or columns, that name a row; None guesses by name.
        seed: the column of seeds; None guesses, and without one no runs are paired.
        metric: the column of results; None guesses.
        baseline: the row that the others are compared with; None guesses.
        by: columns whose values make blocks of their own, such as a data set.
        margin: the difference that counts as none, in the unit of the table.
        lower_is_better: of the metric; None goes by its name. `above` means a larger number all the same.
        unit: `percent`, `fraction` (shown in percent) or `none`; None goes by name and values.
        image: the column that names test images, the same for all runs of a block. The metric is 0 to 1 of each, such
            as whether it is classified correctly; a run's is the mean, and simultaneous intervals cover the choice of
            images too.
        title: of the table.

    Raises:
        UserError: a column or row that is not there or cannot be guessed, or a value that is no number.
    """
    said: list[str] = []
    columns = [str(each) for each in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    rows = chosen_columns(frame, "row", row, said)
    blocks = chosen_columns(frame, "by", by, said) if by else []
    seed = seed_column(frame, seed, said)
    metric = metric_column(frame, metric, {*rows, *blocks, seed}, said)
    images: Sequence[ImageValues | None] = [None] * len(frame)
    if image is not None:
        if seed is None:
            raise UserError("--image needs --seed: a run is a row and a seed, and has a line for each image")
        frame, images = by_image(frame, image, blocks, [*rows, seed], metric, said)
        unit = unit or "fraction"
    values = [number(value, metric) for value in frame[metric]]
    scale, shown = unit_of(metric, [each for each in values if each is not None], unit, said)
    lower = bool(LOWER.search(metric)) if lower_is_better is None else lower_is_better
    if lower:
        said.append(f"Of {metric} less is better: “below” is an improvement.")
    runs: dict[tuple[str, ...], dict[str, dict[int, Result]]] = {}
    seeds = [seed_number(each, seed) for each in frame[seed]] if seed else [None] * len(frame)
    lost = 0
    for index, value in enumerate(values):
        if value is None:
            lost += 1
            continue
        factors = tuple(text_of(frame[each].iloc[index]) for each in blocks)
        name = ", ".join(text_of(frame[each].iloc[index]) for each in rows)
        found = runs.setdefault(factors, {}).setdefault(name, {})
        at = seeds[index]
        if at is not None and at in found:
            raise UserError(two_values(frame, index, name, f"{seed}={at}", {*rows, *blocks, seed, metric}))
        found[index if at is None else at] = value / scale, images[index]
    if lost:
        said.append(f"{lost} of {len(values)} lines have no {metric}: left out.")
    if not runs:
        raise UserError(f"no line has a number in {metric}")
    names = list(dict.fromkeys(name for block in runs.values() for name in block))
    baseline = baseline_row(names, baseline, said)
    task = TaskDescription({f"{GIVEN}/{metric}": metric}, metric, shown, f"{GIVEN}/none", {}, lower_is_better=lower)
    about: dict[str, Any] = {
        "name": "compare",
        "title": title or f"{metric} by {', '.join(rows)}",
        "baseline": baseline,
    }
    about |= {"metric": f"{GIVEN}/{metric}", "task": task.to_json(), "foreign": True}
    if margin is not None:
        about["margin"] = checks.number("margin", margin, above=0, error=UserError)
    made = [
        Block(dict(zip(blocks, factors, strict=True)), cells_of(block, metric, shown))
        for factors, block in runs.items()
    ]
    for block in made:
        if baseline not in block.rows:
            raise UserError(f"the baseline {baseline!r} has no run at {block.label}")
    return Compared(tabulate(Ablation("compare", about, made)), said)


def cells_of(block: Mapping[str, Mapping[int, Result]], metric: str, unit: str) -> dict[str, list[Cell]]:
    """Return the rows of a block as finished cells of which the metric alone is known."""
    found: dict[str, list[Cell]] = {}
    for row, values in block.items():
        for seed, (value, images) in sorted(values.items()):
            measured = {f"{GIVEN}/{metric}": Measured(value, metric, SHARE if unit == PERCENT else unit, images)}
            known = Known(config={}, local={}, status="finished", result={"metrics": {}}, failure=None)
            known["evaluations"] = measured
            found.setdefault(row, []).append(Cell("", row, {}, seed, [], Path(), known))
    return found


def dataframe_row(row: Row) -> dict[str, Any]:
    """Return a row's line of `Compared.table`."""
    single = row.difference.ci95 if row.difference else None
    joint = row.comparison.ci95 if row.comparison else None
    line: dict[str, Any] = {**row.factors, "row": row.name, "baseline": row.baseline, "n": row.sample.n}
    line |= {"mean": row.sample.mean, "std": row.sample.std}
    line |= {"delta": row.difference.mean if row.difference else None}
    line |= {"delta_low": single[0] if single else None, "delta_high": single[1] if single else None}
    line |= {"simultaneous_low": joint[0] if joint else None, "simultaneous_high": joint[1] if joint else None}
    line |= {"detectable": row.comparison.detectable if row.comparison else None, "paired": bool(row.differences)}
    return {**line, "verdict": row.verdict}
