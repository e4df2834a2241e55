"""A sweep while it trains, on one HTML page that loads itself again: cells by row, validation curves, time to go."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from dropgrid.commands import say
from dropgrid.execution.live_view import minutes
from dropgrid.pages import templates
from dropgrid.paths import tilde
from dropgrid.store.ablation_status import AblationStatus, described_failure
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_csv, write
from dropgrid.store.status import STATUSES
from dropgrid.tasks.description import PERCENT

SECONDS = 5
"""Between two states of the page."""

WIDTH, HEIGHT = 180, 40
"""Size of a row's plot, in CSS pixels."""

Curve = list[tuple[float, float]]
"""Epoch and value, epoch by epoch."""


def keep_current(path: Path, look: Callable[[], AblationStatus]) -> None:
    """Write the page every few seconds while cells run, and once more when they have ended, or on Ctrl-C."""
    curves: dict[str, Curve] = {}
    status = look()
    say(f"{path} is current while cells train; Ctrl-C ends this command" if status.of("running") else str(path))
    try:
        while status.of("running"):
            write(path, render(status, curves, live=True))
            time.sleep(SECONDS)
            status = look()
    finally:
        write(path, render(look(), curves, live=False))


def render(status: AblationStatus, curves: dict[str, Curve], *, live: bool) -> str:
    """Return the page; `curves` keeps those of finished cells, which change no more."""
    task, about = status.ablation.task, status.ablation.about
    drawn = {cell.id: curve_of(cell, task.selected, curves) for cell in status.cells}
    span = span_of([curve for curve in drawn.values() if curve])
    seconds = status.seconds_to_go()
    page: str = (
        templates("cli")
        .get_template("status_page.html.j2")
        .render(
            name=status.name,
            question=about.get("question") or status.name,
            live=live,
            seconds=SECONDS,
            written=time.strftime("%Y-%m-%d %H:%M:%S"),
            statuses=STATUSES,
            counts=status.counts(),
            cells=len(status.cells),
            to_go=None if seconds is None else minutes(seconds),
            blocks=[(block.label, list(block.rows.items())) for block in status.ablation.blocks],
            running=status.of("running"),
            states=status.states,
            share=lambda cell: round(100 * status.share(cell)),
            failed=[(cell, described_failure(cell) or {}) for cell in status.of("failed")],
            title=task.title(task.selected),
            range=[shown(value, task.unit) for value in span[1]] if span else None,
            epochs=span[0] if span else 0,
            width=WIDTH,
            height=HEIGHT,
            lines=lambda cells: [points(drawn[cell.id], *span) for cell in cells if drawn[cell.id]] if span else [],
            last=lambda cells: last_value([drawn[cell.id] for cell in cells if drawn[cell.id]], task.unit),
        )
    )
    return tilde(page)


def curve_of(cell: Cell, metric: str, known: dict[str, Curve]) -> Curve:
    """Return a metric by epoch, as far as the cell has come."""
    if cell.id in known:
        return known[cell.id]
    found: Curve = []
    for line in read_csv(cell.run.metrics) if cell.run.metrics.exists() else []:
        with suppress(KeyError, TypeError, ValueError):  # a line that is just written
            found.append((int(line["epoch"]) + 1, float(line[metric])))
    if cell.status == "finished":
        known[cell.id] = found
    return found


def span_of(curves: Sequence[Curve]) -> tuple[float, tuple[float, float]] | None:
    """Return the last epoch and the range of values of all curves; None without any."""
    values = [value for curve in curves for _, value in curve]
    if not values:
        return None
    return max(epoch for curve in curves for epoch, _ in curve), (min(values), max(values))


def points(curve: Curve, epochs: float, values: tuple[float, float]) -> str:
    """Return the points of an SVG polyline; one epoch is a short line."""
    low, high = values
    high += not high - low  # all are equal
    at = [(WIDTH * epoch / epochs, HEIGHT - 2 - (HEIGHT - 4) * (value - low) / (high - low)) for epoch, value in curve]
    at = [(0.0, at[0][1]), *at] if len(at) == 1 else at
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in at)


def last_value(curves: Sequence[Curve], unit: str) -> str:
    """Return the mean of the curves' last values, or a dash."""
    if not curves:
        return "–"
    return shown(sum(curve[-1][1] for curve in curves) / len(curves), unit)


def shown(value: float, unit: str) -> str:
    """Return a value in its unit."""
    return f"{100 * value:.1f} %" if unit == PERCENT else f"{value:.4g} {unit}".rstrip()
