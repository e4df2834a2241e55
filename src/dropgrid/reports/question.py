"""Questions that an ablation asks besides its rows: each is one file of `questions/`, found by folder.

A question `x` is `questions/x.py`. It is asked by `ablation.x`, or by nothing if it answers what cells recorded by
themselves. No other file names it. It exports

    compute(table) -> Sequence          the answer, dataclasses; empty if it was not asked or there is nothing to say

and as much of this as it needs:

    ORDER = 30                          its place among sections and figures; by default after all others
    JSON = "xs"                         its key in table.json; by default the name of its file
    CAPTION = "…"                       what its figure, figure_x.png, shows; required if there is one
    check(asked, rows) -> None          raise UserError if `ablation.x` makes no sense, before anything trains
    section(table, found) -> Section    its small table below the table, or None
    figure(table, found) -> Figure      its figure, or None
    to_json(each) -> dict               one part of the answer in table.json; by default all its fields
    note(table, found) -> list[str]     sentences under the table

`found` is what `compute` returned, never empty in `section` and `figure`. A module is imported only if it is needed:
planning imports those that the ablation asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dropgrid.reports import questions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dropgrid.reports.section import Section
    from dropgrid.reports.table import Table

LAST = 1000
"""ORDER of a question that has none."""


def names() -> list[str]:
    """The questions that there are, by name; imports none."""
    return sorted(each.name for each in iter_modules(questions.__path__))


def load(name: str) -> ModuleType:
    """The module of a question."""
    return import_module(f"{questions.__name__}.{name}")


def order(name: str) -> int:
    """A question's place among sections and figures."""
    return int(getattr(load(name), "ORDER", LAST))


def ordered() -> list[str]:
    """The questions that there are, in their order."""
    return sorted(names(), key=order)


def check(about: Mapping[str, Any], rows: Mapping[str, Sequence[str]]) -> None:
    """Raise UserError if a question that an ablation asks of its rows could not be answered."""
    for name in names():
        if about.get(name) is not None and hasattr(module := load(name), "check"):
            module.check(about[name], rows)


def answer(name: str, table: "Table") -> Sequence[Any]:
    """A question's answer; empty if there is none."""
    found: Sequence[Any] = table.answer(load(name).compute)
    return found


def section(name: str, table: "Table") -> "Section | None":
    """A question's small table below the table, if it has something to say."""
    found: Section | None = part_of("section", name, table)
    return found


def figure(name: str, table: "Table") -> "Figure | None":
    """A question's figure, if it has something to show."""
    found: Figure | None = part_of("figure", name, table)
    return found


def part_of(part: str, name: str, table: "Table") -> Any:
    """Return what a question's function of that name makes of its answer; None if either is missing."""
    make = getattr(load(name), part, None)
    return make(table, found) if make and (found := answer(name, table)) else None


def sections(table: "Table") -> "list[Section]":
    """The small tables below the table."""
    return [each for name in ordered() if (each := section(name, table)) is not None]


def as_json(table: "Table") -> dict[str, list[Any]]:
    """The answers as they stand in table.json, empty ones too."""
    found = {}
    for name in ordered():
        module = load(name)
        to_json = getattr(module, "to_json", asdict)
        found[getattr(module, "JSON", name)] = [to_json(each) for each in answer(name, table)]
    return found


def notes(table: "Table") -> list[str]:
    """The sentences that questions add under the table."""
    found = []
    for name in ordered():
        if hasattr(module := load(name), "note"):
            found += module.note(table, answer(name, table))
    return found
