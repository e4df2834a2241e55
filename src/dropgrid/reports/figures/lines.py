"""figure_lines.png: the headline metric against a setting, one line per series, if the ablation's YAML has `figure`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layout import Panel, assemble_figure, panel_rows, panel_width
from dropgrid.plotting.series import Point, describe_intervals, draw_means, moved_aside
from dropgrid.plotting.style import GREY, INK, REFERENCES, axes_size, look, place_above, place_beside
from dropgrid.plotting.text import text_height, text_width, wrap
from dropgrid.plotting.value_axes import (
    percent_limits,
    points_aside,
    scaled_values,
    value_limits,
    value_ticks,
)
from dropgrid.reports import line_series
from dropgrid.reports.columns import headline_axis
from dropgrid.reports.line_series import BlockSeries, Series
from dropgrid.reports.table import Row, Table

ORDER = 20
CAPTION = "{quantity} against a setting, a line a series"

LABELS, HEIGHTS = (0.9, 1.9), (3.3, 3.9)
"""Inches: least and greatest width of the lines' names; height of a panel among others, and of a single one."""

SAMPLE, SIZE, SPACING = 0.42, 8.5, 1.05
"""Inches of line before a name, its font size in points, and the line spacing."""


RING = 12
"""Size in points of the ring around the mark that validation chooses."""


class LinePanel(NamedTuple):
    """A title, the series, and the rows without the key."""

    title: str
    series: Sequence[Series]
    without: Sequence[Row]

    @property
    def names(self) -> list[str]:
        """The names of all lines in the panel."""
        return [*(each.name for each in self.series), *(row.name for row in self.without)]


def draw(table: Table) -> Figure | None:
    """Draw means with 95 % intervals over x on its true scale; None without `figure` or if nothing is finished."""
    figure = line_series.figure_options(table)
    found = [
        each
        for each in line_series.series_by_block(table)
        if any(row.accuracies for one in each.series for _, row in one.points)
    ]
    if figure is None or not found:
        return None
    names = list(dict.fromkeys(one.name for each in found for one in each.series))
    panels = [panels_of(figure, each) for each in found]
    across = 1 if sum(map(len, panels)) == 1 else 2
    if figure.get("panels"):  # blocks may be of different worlds: each has an axis of its own
        sections = [
            panel_rows(
                painted_panels(table, figure, own, names, across), HEIGHTS[across == 1], across, each.block.label,
                above=max(names_height(panel, panel_width(across)) for panel in own),
            )
            for each, own in zip(found, panels, strict=True)
        ]  # fmt: skip
    else:
        shown = [panel for own in panels for panel in own]
        beside = names_width(shown)
        painted = painted_panels(table, figure, shown, names, across)
        sections = [panel_rows(painted, HEIGHTS[across == 1], across, beside=beside)]
    return assemble_figure(table.question, sections, explanation(figure, names, found, panels))


def painted_panels(
    table: Table, figure: Mapping[str, Any], panels: Sequence[LinePanel], names: Sequence[str], across: int
) -> list[Panel]:
    """Return the panels, with the names of the lines above listed panels, which share an axis, and beside others."""
    split = bool(figure.get("panels"))
    beside = names_width(panels)

    def paint(axes: Axes, panel: LinePanel) -> None:
        if figure.get("log"):
            axes.set_xscale("log", base=2)
        value_ticks(axes, [x for each in panel.series for x, _ in each.points], axes_size(axes)[0])
        draw_panel(axes, panel, names, limits_of(panels if split else [panel], figure.get("down_to")))
        write_lower(axes, panel, names)
        height = names_height(panel, axes_size(axes)[0])
        name_lines(place_above(axes, height) if split else place_beside(axes, beside), axes, panel, names)

    return [
        Panel(
            panel.title,
            line_series.axis_label(figure),
            headline_axis(table) if index % across == 0 else "",
            partial(paint, panel=panel),
        )
        for index, panel in enumerate(panels)
    ]


def names_width(panels: Sequence[LinePanel]) -> float:
    """Return the width of the names beside panels in inches, within `LABELS`."""
    longest = max(text_width(wrap_name(name, LABELS[1]), SIZE) for panel in panels for name in panel.names)
    return min(max(LABELS[0], longest + SAMPLE + 0.15), LABELS[1])


def names_height(panel: LinePanel, wide: float) -> float:
    """Return the height of the names above a panel, in inches."""
    return sum(text_height(wrap_name(name, wide), SIZE, SPACING) for name in panel.names) + 0.1


def wrap_name(name: str, wide: float) -> str:
    """Return a name in lines, within the room that its piece of line leaves."""
    return wrap(name, wide - SAMPLE - 0.12, SIZE)


def panels_of(figure: Mapping[str, Any], found: BlockSeries) -> list[LinePanel]:
    """Return a block's panels: those that the YAML lists, else one, titled with the factors."""
    without = found.without if figure.get("baseline", True) else []
    by_name = {each.name: each for each in found.series}
    if not figure.get("panels"):
        return [LinePanel(found.block.label, found.series, without)]
    split = [(title, [by_name[name] for name in names if name in by_name]) for title, names in figure["panels"].items()]
    chosen = [LinePanel(str(title), series, without) for title, series in split if series]
    return chosen or [LinePanel("", found.series, without)]


def limits_of(panels: Sequence[LinePanel], down_to: float | None) -> tuple[float, float]:
    """Return limits that hold all means and intervals of some panels, cut off `down_to` points below the best mean."""
    rows = [row for each in panels for row in [*(r for one in each.series for _, r in one.points), *each.without]]
    means = [row.sample.mean for row in rows if row.sample.mean is not None]
    low, high = percent_limits(value_limits([means], [row.sample.ci95 for row in rows]))
    if down_to is None:
        return low, high
    low = max(low, max(means) - down_to)
    top = max(means + [row.sample.ci95[1] for row in rows if row.sample.ci95])
    return percent_limits((low, top + 0.06 * (top - low)))


def draw_panel(axes: Axes, panel: LinePanel, names: Sequence[str], limit: tuple[float, float]) -> None:
    """Draw the rows without the key as horizontal lines with bands for intervals, then the series, each with a ring
    around the value that validation chooses."""
    for index, row in enumerate(panel.without):
        if row.sample.ci95 is not None:
            axes.axhspan(*row.sample.ci95, color=GREY, alpha=0.13, linewidth=0, zorder=1)
        if row.sample.mean is not None:
            dash = REFERENCES[index % len(REFERENCES)]
            axes.axhline(row.sample.mean, color=GREY, linewidth=1.3, linestyle=dash, zorder=2)
    values, count = [x for each in panel.series for x, _ in each.points], len(panel.series)
    apart = points_aside(axes, values, count, axes_size(axes)[0])
    for index, each in enumerate(panel.series):
        points = [Point(x, row.sample, row.complete) for x, row in each.points]
        moved = moved_aside(axes, index, count, apart)
        draw_means(axes, points, names.index(each.name), moved)
        if each.chosen is not None and (mean := points[each.chosen].sample.mean) is not None:
            colour = look(names.index(each.name))[0]
            axes.scatter(points[each.chosen].x, mean, RING**2, "none", edgecolors=colour, transform=moved, zorder=4)
    axes.set_ylim(*limit)
    axes.locator_params(axis="y", nbins=7)


def write_lower(axes: Axes, panel: LinePanel, names: Sequence[str]) -> None:
    """Write the means below the axis at its foot; one without room is written higher."""
    foot, wide = axes.get_ylim()[0], axes_size(axes)[0]
    low, high = scaled_values(axes, axes.get_xlim())
    found = [
        (x, f"{row.sample.mean:.1f} ↓", look(names.index(each.name))[0])
        for each in panel.series
        for x, row in each.points
        if row.sample.mean is not None and row.sample.mean < foot
    ]
    ends: list[float] = []
    for x, text, colour in sorted(found, key=lambda each: each[0]):
        middle = float(scaled_values(axes, [x])[0] - low) / (high - low) * wide
        half = text_width(text, SIZE) / 2 + 0.02
        free = next((index for index, end in enumerate(ends) if middle - half > end), len(ends))
        ends[free : free + 1] = [middle + half]
        given: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom", "zorder": 5}
        given["bbox"] = {"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.5}
        upper = 72 * free * text_height(text, SIZE, SPACING)
        axes.annotate(text, (x, foot), (0, upper), color=colour, fontsize=SIZE, **given)


def name_lines(beside: Axes, axes: Axes, panel: LinePanel, names: Sequence[str]) -> None:
    """Write the names of the lines, each with a piece of its line, as near to its end as the others allow."""
    beside.set_axis_off()
    wide, deep = axes_size(beside)
    beside.set(xlim=(0, wide), ylim=(0, deep))
    low, high = axes.get_ylim()
    entries: list[tuple[float, str, str, str | None, Any]] = []
    for each in panel.series:
        ends = [row.sample.mean for _, row in each.points if row.sample.mean is not None]
        if ends:
            entries.append((ends[-1], each.name, *look(names.index(each.name))))
    for index, row in enumerate(panel.without):
        if row.sample.mean is not None:
            entries.append((row.sample.mean, row.name, GREY, None, REFERENCES[index % len(REFERENCES)]))
    entries.sort(key=lambda entry: entry[0])
    texts = [wrap_name(name, wide) for _, name, *_ in entries]
    heights = [text_height(each, SIZE, SPACING) for each in texts]
    wanted = [
        max((mean - low) / (high - low) * deep, height / 2) for (mean, *_), height in zip(entries, heights, strict=True)
    ]
    for entry, text, middle in zip(entries, texts, moved_apart(wanted, heights, deep), strict=True):
        _, _, colour, marker, dash = entry
        beside.plot((0.1, SAMPLE + 0.02), (middle, middle), color=colour, linestyle=dash, linewidth=1.5, clip_on=False)
        if marker:
            middle_of_line = (0.1 + SAMPLE + 0.02) / 2
            beside.plot(middle_of_line, middle, marker, color=colour, markersize=6, mec="white", mew=0.8)
        beside.text(SAMPLE + 0.1, middle, text, va="center", fontsize=SIZE, color=INK, linespacing=SPACING)


def moved_apart(wanted: Sequence[float], heights: Sequence[float], top: float) -> list[float]:
    """Return centres near the wanted ones, which ascend, so that boxes do not overlap and stay below `top`."""
    found: list[float] = []
    end = -float("inf")
    for middle, height in zip(wanted, heights, strict=True):
        found.append(max(middle, end + height / 2))
        end = found[-1] + height / 2
    for index in reversed(range(len(found))):
        found[index] = min(found[index], top - heights[index] / 2)
        top = found[index] - heights[index] / 2
    return found


def explanation(
    figure: Mapping[str, Any], names: Sequence[str], found: Sequence[BlockSeries], panels: Sequence[Sequence[LinePanel]]
) -> str:
    """Return the caption: what the marks are, and which listed series do not exist."""
    sizes = {row.planned for each in found for one in each.series for _, row in one.points}
    parts = [describe_intervals([*sizes], complete=True)]
    if figure.get("baseline", True) and any(each.without for each in found):
        parts.append(
            f"Grey: rows without {line_series.axis_label(figure)}{'' if sizes == {1} else ', the interval as a band'}."
        )
    if figure.get("down_to") is not None:
        parts.append("What lies lower than the axis is given by its value and an arrow.")
    if any(not row.complete for each in found for one in each.series for _, row in one.points):
        parts.append("Open mark: seeds are missing.")
    if any(one.chosen is not None for each in found for one in each.series):
        parts.append("Ring: the value chosen on validation.")
    if any(len(panel.series) > 1 for each in panels for panel in each):
        parts.append("Marks at one value stand a little aside of one another.")
    absent = [name for names_ in (figure.get("panels") or {}).values() for name in names_ if name not in names]
    if absent:
        parts.append(f"Asked for, but no series: {', '.join(dict.fromkeys(absent))}.")
    return " ".join(parts)
