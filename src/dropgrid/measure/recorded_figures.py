"""The figures of what trainings recorded."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, read
from dropgrid.store.layout import RunFolder

OVER_TRAINING = ("gradient", "inputs")
"""Diagnostics whose figure has the step of training across; the others draw a line a moment."""

LINES = 8
"""Lines, at most, with which the first moment of each cell is drawn beside its last."""


def recorded_figures(folders: Mapping[str, Path]) -> dict[str, Figure]:
    """Diagnostic -> its figure, of the cells' folders by label; empty if none recorded anything.

    A diagnostic without a figure here, of another version or of a user's own, is left out, and a line says so.
    """
    recorded = {label: read(RunFolder(folder).diagnosis) for label, folder in folders.items()}
    drawn = {}
    for name in dict.fromkeys(name for each in recorded.values() for name in each):
        if not Path(__file__).with_name("diagnostics").joinpath(f"figure_{name}.py").exists():
            print(f"diagnosis.{name} was recorded, but there is no picture of it here", file=sys.stderr)
            continue
        results = {label: each[name] for label, each in recorded.items() if name in each}
        draw = import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw
        figure = draw(results if name in OVER_TRAINING else first_and_last(results))
        if figure is not None:
            drawn[name] = figure
    return drawn


def first_and_last(results: Results) -> Results:
    """The first and the last moment of each cell; the last alone of many cells."""
    few = 2 * len(results) <= LINES
    return {label: [*moments[: len(moments) > 1 and few], moments[-1]] for label, moments in results.items()}
