"""Write the results of diagnostics as figures and numbers, and print them as tables."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dropgrid import json_output

if TYPE_CHECKING:
    from dropgrid.measure.trained_cell import MeasureResult

WIDTH = 160
"""Characters per line if the output is not a terminal."""


class DiagnosticRequest(NamedTuple):
    """A diagnostic to run: its name, the config node of its function, the number of images, and the steps to run it at.

    Without images it measures no network, but a training before its first step.
    """

    name: str
    node: Mapping[str, Any]
    images: int | None
    steps: int
    every: int | None

    def due(self, step: int) -> bool:
        """Predicate: the diagnostic is run after `step` steps."""
        return step == self.steps or (self.every is not None and step < self.steps and step % self.every == 0)


class Observation(NamedTuple):
    """The result of a diagnostic after `step` steps."""

    step: int
    found: "MeasureResult"


Observations = dict[str, dict[str, list[Observation]]]
"""Diagnostic -> configuration -> its results, in the order of training."""


def report_results(folder: Path, options: Sequence[DiagnosticRequest], observations: Observations) -> int:
    """Write a figure and the numbers of each diagnostic, and print its table and the paths."""
    import importlib

    from dropgrid.files import write_atomically
    from dropgrid.measure.snapshots import Snapshot
    from dropgrid.plotting.style import png
    from dropgrid.store.files import write_json
    from dropgrid.store.layout import DiagnosticsFolder

    for each in options:
        seen = {label: moments for label, moments in observations[each.name].items() if moments}
        if not seen:
            continue
        draw = importlib.import_module(f"dropgrid.measure.diagnostics.figure_{each.name}").draw
        figure = draw({label: [Snapshot(s.step, s.found.arrays) for s in moments] for label, moments in seen.items()})
        paths = [DiagnosticsFolder(folder).numbers(each.name)]
        numbers = results_as_json(seen)
        write_json(paths[0], {"diagnostic": each.name, "asked": each._asdict(), "found": numbers})
        if figure is not None:
            paths.append(DiagnosticsFolder(folder).figure(each.name))
            image = png(figure)
            write_atomically(paths[1], lambda file, image=image: file.write(image))  # type: ignore[misc]
        if json_output.wanted():
            found = [{key: value for key, value in line.items() if key != "arrays"} for line in numbers]
            json_output.add("diagnostics", {"diagnostic": each.name, "found": found, "files": paths})
        else:
            print_measures(each.name, numbers, paths)
    return 0


def results_as_json(seen: Mapping[str, Sequence[Observation]]) -> list[dict[str, Any]]:
    """Return measures and arrays for JSON; a value that is not finite becomes null."""
    import numpy as np

    def nested(values: np.ndarray) -> Any:
        return [nested(each) for each in values] if values.ndim else scalar(values.item())

    def scalar(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return [
        {
            "configuration": label,
            "step": each.step,
            "measures": {key: measure._asdict() for key, measure in each.found.measures.items()},
            "arrays": {key: nested(np.asarray(values)) for key, values in each.found.arrays.items()},
        }
        for label, moments in seen.items()
        for each in moments
    ]


def print_measures(name: str, numbers: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> None:
    """Print each configuration's last measures, one per line, then the paths of the files."""
    from rich import box
    from rich.table import Table

    from dropgrid.commands import terminal

    console = terminal()
    console = console if console.is_terminal else terminal(width=WIDTH)
    title, labels, lines = last_measures(name, numbers)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("")
    for label in labels:
        table.add_column(label, justify="right", overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(table)
    for path in paths:
        console.print(str(path), soft_wrap=True)


def last_measures(name: str, numbers: Sequence[Mapping[str, Any]]) -> tuple[str, list[str], list[list[str]]]:
    """Return the title of a table of each configuration's last measures, its configurations, and its lines as text.

    Args:
        name: the diagnostic.
        numbers: what it found, as `results_as_json` has it.
    """
    last = {each["configuration"]: each for each in numbers}
    steps = sorted({each["step"] for each in last.values()})
    when = f"after {steps[0]:,} steps" if steps != [0] and len(steps) == 1 else "before training" * (steps == [0])
    measured = {key: measure for each in last.values() for key, measure in each["measures"].items()}
    lines = []
    for key, about in measured.items():
        unit = f", {about['unit']}" if about["unit"] else ""
        values = [each["measures"].get(key) for each in last.values()]
        texts = ["–" if value is None else format_value(value["value"], value["unit"]) for value in values]
        lines.append([about["label"] + unit, *texts])
    return f"{name} {when}".strip(), [*last], lines


def format_value(value: float, unit: str) -> str:
    """Return a number with three digits; a share in percent."""
    return f"{100 * value:.1f}" if unit == "%" else f"{value:.3g}"
