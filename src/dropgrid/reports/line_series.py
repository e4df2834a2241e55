"""An ablation's rows as series over one key of their configs, as `ablation.figure` in its YAML specifies.

    figure: {x: regularizer.keep_prob, label: keep_prob, log: false, baseline: true, within: 0.5, down_to: 12,
             panels: {title: [series, …]}}

Rows made from a mapping are named `<series> <key>=<value>`; a row's series is its name without that part.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports.comparisons import all_have_metric, values_by_seed
from dropgrid.reports.table import Row, Table
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell

KEYS = ("x", "label", "log", "baseline", "within", "down_to", "panels")


@dataclass(frozen=True)
class Series:
    """Rows that differ only in the key: (value of the key, row), by value.

    `validation` is the mean over seeds of each point's validation metric, in percent; None unless every cell has it.
    """

    name: str
    points: Sequence[tuple[float, Row]]
    validation: Sequence[float | None]

    @property
    def complete(self) -> bool:
        """Whether every cell is finished and no site is flagged."""
        return all(row.complete and not row.flagged for _, row in self.points)

    @property
    def chosen(self) -> int | None:
        """The index of the point that validation chooses: the highest mean, of equal ones the lowest value.

        None while cells are missing, without validation, or if there is nothing to choose from.
        """
        known = [value for value in self.validation if value is not None]
        if len(self.points) < 2 or not known or not all(row.complete for _, row in self.points):
            return None
        return self.validation.index(max(known))


@dataclass(frozen=True)
class BlockSeries:
    """One block: its series, and the rows that lack the key, including the baseline."""

    block: Block
    series: Sequence[Series]
    without: Sequence[Row]


def figure_options(table: Table) -> Mapping[str, Any] | None:
    """Return the ablation's `figure`, or None; UserError if it is invalid."""
    figure = table.ablation.about.get("figure")
    if figure is None:
        return None
    where = f"{table.ablation.name}: ablation.figure"
    if not isinstance(figure, Mapping) or not isinstance(figure.get("x"), str):
        raise UserError(f"{where} must be a mapping with x: a config key such as regularizer.keep_prob, got {figure!r}")
    unknown = [key for key in figure if key not in KEYS]
    if unknown:
        raise UserError(f"{where} has no key {unknown[0]!r}; it has {', '.join(KEYS)}")
    panels = figure.get("panels")
    if panels is not None and not (
        isinstance(panels, Mapping) and all(isinstance(each, list) for each in panels.values())
    ):
        raise UserError(f"{where}.panels must map titles to lists of series, got {panels!r}")
    if not isinstance(figure.get("log", False), bool):
        raise UserError(f"{where}.log must be true (a logarithmic axis) or false, got {figure['log']!r}")
    for key in ("within", "down_to"):
        if figure.get(key) is not None and (finite_number(figure[key]) or 0) <= 0:
            raise UserError(f"{where}.{key} must be a number of points above 0, got {figure[key]!r}")
    return figure


def axis_label(figure: Mapping[str, Any]) -> str:
    """Return the label of the key."""
    return str(figure.get("label") or figure["x"].rpartition(".")[2])


def series_by_block(table: Table) -> list[BlockSeries]:
    """Return the series of each block, in the order of the table; empty if the YAML has no figure."""
    figure = figure_options(table)
    metric = table.ablation.task.selecting(table.ablation.metric)
    return [] if figure is None else [block_series(figure["x"], metric, block, rows) for block, rows in table.blocks]


def each_series(table: Table) -> list[tuple[Block, Series]]:
    """Return every series with its block, in the order of the table; empty if the YAML has no figure."""
    return [(each.block, series) for each in series_by_block(table) for series in each.series]


def block_series(key: str, metric: str, block: Block, rows: Sequence[Row]) -> BlockSeries:
    """Return one block's rows as series; `metric` is the validation metric."""
    found: dict[str, list[tuple[float, Row]]] = {}
    without = []
    for row in rows:
        value = key_value(key, row.name, block.rows.get(row.name, ()))
        if value is None:
            without.append(row)
        else:
            found.setdefault(key_pattern(key).sub("", row.name), []).append((value, row))
    ordered = {name: sorted(points, key=lambda point: point[0]) for name, points in found.items()}
    series = [
        Series(name, points, [validation_mean(block.rows.get(row.name, ()), metric) for _, row in points])
        for name, points in ordered.items()
    ]
    return BlockSeries(block, series, without)


def validation_mean(cells: Sequence[Cell], metric: str) -> float | None:
    """Return the mean of a validation metric over a row's cells, in percent; None unless every cell has it."""
    values = values_by_seed(cells, metric)
    return math.fsum(values.values()) / len(values) if values and all_have_metric(cells, metric) else None


def key_pattern(key: str) -> re.Pattern[str]:
    """Return the pattern of ` keep_prob=0.9` within a row's name."""
    return re.compile(rf" {re.escape(key.rpartition('.')[2])}=(\S+)")


def key_value(key: str, name: str, cells: Sequence[Cell]) -> float | None:
    """Return the key's value in the configs of a row's cells; if there are none yet, the value in the row's name."""
    config = next((cell.config for cell in cells if cell.config), None)
    if config is None:
        named = key_pattern(key).search(name)
        return finite_number(named[1]) if named else None
    value: Any = config
    for each in key.split("."):
        value = value.get(each) if isinstance(value, Mapping) else None
    return finite_number(value)


def finite_number(value: Any) -> float | None:
    """Return a finite number; None for any other value."""
    try:
        found = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return found if found is not None and math.isfinite(found) else None
