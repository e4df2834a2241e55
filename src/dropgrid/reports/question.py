"""Questions about an ablation's rows beyond the table: each is one file of `questions/`, found by folder.

A question `x` is `questions/x.py`. It is asked by `ablation.x` or by keys of `ablation.figure`; a question about
recorded diagnostics needs no key. No other file names it. It exports

    compute(table) -> Sequence          the answer, dataclasses; empty if it was not asked or there is no answer

and, if needed,

    ORDER = 30                          its place among sections and figures; by default after all others
    JSON = "xs"                         its key in table.json; by default the name of its file
    CAPTION = "…"                       what its figure, figure_x.png, shows; required if there is one
    check(asked, rows) -> None          raise UserError if `ablation.x` makes no sense, before anything trains
    section(table, found) -> Section    its small table below the table, or None
    figure(table, found) -> Figure      its figure, or None
    to_json(each) -> dict               one part of the answer in table.json; by default all its fields
    from_json(value) -> part            the inverse of to_json, only if `compute` reads files too large to publish: then
                                        the answer itself is published
    note(table, found) -> list[str]     sentences under the table

`found` is the result of `compute`, never empty in `section` and `figure`. A module is imported only if it is needed:
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
"""The default ORDER of a question."""


def question_names() -> list[str]:
    """Return the names of all questions, without importing them."""
    return sorted(each.name for each in iter_modules(questions.__path__))


def load_question(name: str) -> ModuleType:
    """Return the module of a question."""
    return import_module(f"{questions.__name__}.{name}")


def question_order(name: str) -> int:
    """Return a question's place among sections and figures."""
    return int(getattr(load_question(name), "ORDER", LAST))


def ordered_questions() -> list[str]:
    """Return the names of all questions, in order."""
    return sorted(question_names(), key=question_order)


def check_questions(about: Mapping[str, Any], rows: Mapping[str, Sequence[str]]) -> None:
    """Raise UserError if an ablation asks a question that its rows cannot answer."""
    for name in question_names():
        if about.get(name) is not None and hasattr(module := load_question(name), "check"):
            module.check(about[name], rows)


def question_answer(name: str, table: "Table") -> Sequence[Any]:
    """Return a question's answer; empty if there is none."""
    found: Sequence[Any] = table.answer(load_question(name).compute)
    return found


def question_section(name: str, table: "Table") -> "Section | None":
    """Return a question's small table below the table, if any."""
    found: Section | None = call_question("section", name, table)
    return found


def question_figure(name: str, table: "Table") -> "Figure | None":
    """Return a question's figure, if any."""
    found: Figure | None = call_question("figure", name, table)
    return found


def call_question(part: str, name: str, table: "Table") -> Any:
    """Return the result of a question's function `part`, called with its answer; None if either is missing."""
    make = getattr(load_question(name), part, None)
    return make(table, found) if make and (found := question_answer(name, table)) else None


def question_sections(table: "Table") -> "list[Section]":
    """Return the small tables below the table."""
    return [each for name in ordered_questions() if (each := question_section(name, table)) is not None]


def answers_as_json(table: "Table") -> dict[str, list[Any]]:
    """Return all answers for table.json, including empty ones."""
    found = {}
    for name in ordered_questions():
        module = load_question(name)
        to_json = getattr(module, "to_json", asdict)
        found[getattr(module, "JSON", name)] = [to_json(each) for each in question_answer(name, table)]
    return found


def answers_to_publish(table: "Table") -> dict[str, list[Any]]:
    """Return the answers that cannot be recomputed from published values, in the form that `restore_answers` reads."""
    found = {}
    for name in ordered_questions():
        module = load_question(name)
        if hasattr(module, "from_json") and (parts := question_answer(name, table)):
            found[name] = [getattr(module, "to_json", asdict)(each) for each in parts]
    return found


def restore_answers(table: "Table", published: Mapping[str, Sequence[Any]]) -> None:
    """Set a table's answers to the published ones; KeyError or TypeError if one is invalid."""
    for name, parts in published.items():
        module = load_question({each: each for each in question_names()}[name])
        table.answers[module.compute] = [module.from_json(each) for each in parts]


def question_notes(table: "Table") -> list[str]:
    """Return the notes that questions add under the table."""
    found = []
    for name in ordered_questions():
        if hasattr(module := load_question(name), "note"):
            found += module.note(table, question_answer(name, table))
    return found
