"""An ablation's rows as series over one key of their configs, as `ablation.figure` in its YAML asks for.

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
from dropgrid.reports.table import Row, Table
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell

KEYS = ("x", "label", "log", "baseline", "within", "down_to", "panels")


@dataclass(frozen=True)
class Series:
    """Rows that differ in the key alone: (value of the key, row), by value."""

    name: str
    points: Sequence[tuple[float, Row]]

    @property
    def complete(self) -> bool:
        """Whether every cell is finished and every site did what it should have."""
        return all(row.complete and not row.flagged for _, row in self.points)


@dataclass(frozen=True)
class Lines:
    """One block: its series, and the rows that lack the key, the baseline among them."""

    block: Block
    series: Sequence[Series]
    without: Sequence[Row]


def asked(table: Table) -> Mapping[str, Any] | None:
    """The ablation's `figure`, or None if it has none; UserError says what is wrong with it."""
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
        if figure.get(key) is not None and (number(figure[key]) or 0) <= 0:
            raise UserError(f"{where}.{key} must be a number of points above 0, got {figure[key]!r}")
    return figure


def label(figure: Mapping[str, Any]) -> str:
    """What the key is called."""
    return str(figure.get("label") or figure["x"].rpartition(".")[2])


def lines(table: Table) -> list[Lines]:
    """The series of each block, in the order of the table; empty if none are asked for."""
    figure = asked(table)
    return [] if figure is None else [block_lines(figure["x"], block, rows) for block, rows in table.blocks]


def block_lines(key: str, block: Block, rows: Sequence[Row]) -> Lines:
    """One block's rows by series."""
    found: dict[str, list[tuple[float, Row]]] = {}
    without = []
    for row in rows:
        value = position(key, row.name, block.rows.get(row.name, ()))
        if value is None:
            without.append(row)
        else:
            found.setdefault(part(key).sub("", row.name), []).append((value, row))
    ordered = {name: sorted(points, key=lambda point: point[0]) for name, points in found.items()}
    return Lines(block, [Series(name, points) for name, points in ordered.items()], without)


def part(key: str) -> re.Pattern[str]:
    """` keep_prob=0.9` within a row's name."""
    return re.compile(rf" {re.escape(key.rpartition('.')[2])}=(\S+)")


def position(key: str, name: str, cells: Sequence[Cell]) -> float | None:
    """The key's value in the configs of a row's cells; of cells that have none yet, the value that their row names."""
    config = next((cell.config for cell in cells if cell.config), None)
    if config is None:
        named = part(key).search(name)
        return number(named[1]) if named else None
    value: Any = config
    for each in key.split("."):
        value = value.get(each) if isinstance(value, Mapping) else None
    return number(value)


def number(value: Any) -> float | None:
    """A finite number, or None for what is none."""
    try:
        found = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return found if found is not None and math.isfinite(found) else None
