"""The figures of diagnostics that were recorded during training."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure

from dropgrid.commands import say
from dropgrid.measure.snapshots import Results, read_snapshots
from dropgrid.store.layout import RunFolder

OVER_TRAINING = ("gradient", "inputs")
"""Diagnostics whose figures have the training step on the horizontal axis; the others draw one line per step."""

LINES = 8
"""The most lines of a figure in which each cell's first record is drawn beside its last."""


def draw_recorded_figures(folders: Mapping[str, Path]) -> dict[str, Figure]:
    """Return diagnostic -> figure, for cells' folders by label; empty if nothing was recorded.

    A diagnostic without a figure module, such as a user's own, is left out, and a line on stderr says so.
    """
    recorded = {label: read_snapshots(RunFolder(folder).diagnosis) for label, folder in folders.items()}
    drawn = {}
    for name in dict.fromkeys(name for each in recorded.values() for name in each):
        if not Path(__file__).with_name("diagnostics").joinpath(f"figure_{name}.py").exists():
            say(f"diagnosis.{name} was recorded, but there is no picture of it here", error=True)
            continue
        results = {label: each[name] for label, each in recorded.items() if name in each}
        draw = import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw
        figure = draw(results if name in OVER_TRAINING else first_and_last(results))
        if figure is not None:
            drawn[name] = figure
    return drawn


def first_and_last(results: Results) -> Results:
    """Return the first and last snapshot of each cell; only the last if there are many cells."""
    few = 2 * len(results) <= LINES
    return {label: [*moments[: len(moments) > 1 and few], moments[-1]] for label, moments in results.items()}
