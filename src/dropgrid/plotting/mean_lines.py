"""Panels of means over a number, one line per row, under the rows' names."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dropgrid.plotting.layout import Panel, assemble_figure, panel_rows
from dropgrid.plotting.series import Point, describe_intervals, draw_means, moved_aside
from dropgrid.plotting.style import axes_size
from dropgrid.plotting.value_axes import points_aside, value_limits, value_ticks

HEIGHT = (3.1, 4.2)
"""Inches: a panel of few rows and of many."""

MANY = 8
"""Rows in a panel, at most, that are drawn in full size."""


@dataclass(frozen=True)
class MeanPanel:
    """A quantity (`up`) over another (`across`), and the points of each row's line in horizontal order.

    Panels of the same `block` are side by side; with the same `scale` they share the vertical axis. `falls`: the
    horizontal axis is reversed. `doubling`: the horizontal axis is logarithmic. `tenfold`: the vertical axis is
    logarithmic. `alone` is a number whose marks are not joined, and its name.
    """

    block: str
    title: str
    across: str
    up: str
    scale: str
    curves: Sequence[tuple[str, Sequence[Point]]]
    falls: bool = False
    doubling: bool = False
    tenfold: bool = False
    alone: tuple[float, str] | None = None

    @property
    def values(self) -> list[float]:
        """All numbers on the horizontal axis."""
        return sorted({point.x for _, points in self.curves for point in points})


def mean_lines_figure(title: str, found: Sequence[MeanPanel], caption: str) -> Figure:
    """Return a figure: title, the rows' names, the panels, those of one block side by side, caption."""
    names = list(dict.fromkeys(name for each in found for name, _ in each.curves))
    blocks = [[each for each in found if each.block == block] for block in dict.fromkeys(each.block for each in found)]
    many = any(len(each.curves) > MANY for each in found)
    across = panels_across(max(len(each) for each in blocks), many=many)
    sections = [panel_rows(painted_panels(block, names, across), HEIGHT[many], across) for block in blocks]
    return assemble_figure(title, sections, caption, names)


def panels_across(count: int, *, many: bool) -> int:
    """Return the number of panels side by side: at most three, two if there are four or many rows."""
    return min(count, 2 if many or count == 4 else 3)


def painted_panels(block: Sequence[MeanPanel], names: Sequence[str], across: int) -> list[Panel]:
    """Return the panels of a block; an axis shared by neighbours is named once."""
    made = []
    for index, panel in enumerate(block):
        alike = [other for other in block if other.scale == panel.scale]
        shared = index % across > 0 and block[index - 1].scale == panel.scale

        def paint(axes: Axes, panel: MeanPanel = panel, alike: Sequence[MeanPanel] = alike) -> None:
            draw_lines(axes, panel, names)
            axes.set_ylim(*common_limits(alike))
            if not panel.tenfold:
                axes.locator_params(axis="y", nbins=7)

        made.append(Panel(panel.title, panel.across, "" if shared else panel.up, paint))
    return made


def common_limits(found: Sequence[MeanPanel]) -> tuple[float, float]:
    """Return limits that hold all means and intervals of some panels; percentages stay near 0 to 100."""
    samples = [point.sample for panel in found for _, points in panel.curves for point in points]
    if found[0].tenfold:
        means = [s.mean for s in samples if s.mean]
        return min(means) / 2, 2 * max(means)
    low, high = value_limits([[s.mean] for s in samples if s.mean is not None], [s.ci95 for s in samples])
    return (max(low, -1.0), min(high, 101.0)) if found[0].up.endswith("%") else (low, high)


def draw_lines(axes: Axes, panel: MeanPanel, names: Sequence[str]) -> None:
    """Draw the rows' lines; a row's look follows its place in `names`."""
    if panel.tenfold:
        axes.set_yscale("log", nonpositive="clip")
    if panel.doubling:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    wide, count = axes_size(axes)[0], len(panel.curves)
    value_ticks(axes, panel.values, wide, falls=panel.falls, named=dict([panel.alone] if panel.alone else []))
    apart = points_aside(axes, panel.values, count, wide)
    for index, (name, points) in enumerate(panel.curves):
        moved = moved_aside(axes, index, count, apart)
        alone = [each for each in points if panel.alone and each.x == panel.alone[0]]
        for part in (alone, [each for each in points if each not in alone]):
            draw_means(axes, part, names.index(name), moved, many=count > MANY)


def describe_marks(found: Sequence[MeanPanel]) -> tuple[str, str]:
    """Return the caption's sentences on means and intervals, and on marks that are moved aside."""
    points = [each for panel in found for _, points in panel.curves for each in points]
    several = any(len(panel.curves) > 1 for panel in found)
    aside = "Marks at one value stand a little aside of one another." if several else ""
    return describe_intervals([each.sample.n for each in points], all(each.complete for each in points)), aside
