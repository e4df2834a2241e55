"""The figures of a report: those of `figures/` and those of the questions, found by folder.

A module of `figures/` that has a CAPTION draws a figure. It exports

    CAPTION = "…"                       what it shows, in a line; for several figures, a mapping name -> caption.
                                        {quantity}, {selected} and {of_selected} stand for the task's words:
                                        Accuracy, Validation accuracy, validation accuracy
    ORDER = 10                          its place among the figures
    draw(table) -> Figure | None        None if there is nothing to draw; for several, a mapping name -> figure
    STEM = "figure"                     the stem of its file; by default figure_<module>

A question draws its own figure (`question`).
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from matplotlib.figure import Figure

from dropgrid.reports import figures, question
from dropgrid.reports.table import Table
from dropgrid.tasks.description import TaskDescription


def figure_modules() -> list[ModuleType]:
    """Return the modules that draw figures, in order."""
    names = [f"{figures.__name__}.{each.name}" for each in iter_modules(figures.__path__)]
    loaded = [*map(import_module, names), *map(question.load_question, question.question_names())]
    return sorted(
        (each for each in loaded if hasattr(each, "CAPTION")), key=lambda each: getattr(each, "ORDER", question.LAST)
    )


def figure_stem(module: ModuleType) -> str:
    """Return the stem of a figure's file name."""
    return str(getattr(module, "STEM", f"figure_{short_name(module)}"))


def short_name(module: ModuleType) -> str:
    """Return a module's name without its packages."""
    return module.__name__.rpartition(".")[2]


def figure_captions(task: TaskDescription) -> dict[str, str]:
    """Return file stem -> caption, in the order of the figures, in the words of a task."""
    found: dict[str, str] = {}
    for module in figure_modules():
        found |= module.CAPTION if isinstance(module.CAPTION, Mapping) else {figure_stem(module): module.CAPTION}
    selected = task.title(task.selected)
    words = {"quantity": task.quantity, "selected": selected, "of_selected": selected.lower()}
    return {name: text.format(**words) for name, text in found.items()}


def draw_figures(table: Table) -> dict[str, Figure]:
    """Return file stem -> figure, for each figure that has something to show."""
    drawn: dict[str, Figure | None] = {}
    for module in figure_modules():
        made = module.draw(table) if hasattr(module, "draw") else question.question_figure(short_name(module), table)
        drawn |= made if isinstance(made, Mapping) else {figure_stem(module): made}
    return {name: each for name, each in drawn.items() if each is not None}
