"""figure_lines.png: accuracy against a setting, a line a series; drawn where the ablation's YAML has `figure`."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from dropgrid.plotting.style import (
    GREY,
    INK,
    REFERENCES,
    canvas,
    heading,
    lines,
    look,
    place,
    style,
    wrap,
    write_text,
)
from dropgrid.reports import line_series
from dropgrid.reports.columns import headline
from dropgrid.reports.figures.accuracy import limits, percent
from dropgrid.reports.figures.panels import aside, line, places, ticks
from dropgrid.reports.line_series import Lines, Series
from dropgrid.reports.table import Row, Table

ORDER = 20
CAPTION = "Accuracy against a setting, a line a series"

WIDTH, MARGIN = 10.5, 0.3
AXIS, LABELS, GAP = 0.55, (0.9, 1.9), 0.25
"""Inches: the vertical axis' numbers and name, the names of the lines at least and at most, between two panels."""

HEIGHT, TITLE, BELOW = 3.3, 0.3, 0.66
SAMPLE, LEADING, SIZE = 0.42, 0.15, 8.5
"""Inches of line before a name and of height of a line of a name; its size in points."""

Panel = tuple[str, Sequence[Series], Sequence[Row]]


def draw(table: Table) -> Figure | None:
    """Means with 95 % intervals over x on its true scale; None where nothing asks for it or nothing is finished."""
    figure = line_series.asked(table)
    found = [
        each for each in line_series.lines(table) if any(row.accuracies for one in each.series for _, row in one.points)
    ]
    if figure is None or not found:
        return None
    with style():
        return compose(table, figure, found)


def compose(table: Table, figure: Mapping[str, Any], found: Sequence[Lines]) -> Figure:
    """Title, the panels of each block, two side by side, caption."""
    names = list(dict.fromkeys(one.name for each in found for one in each.series))
    panels = [panels_of(figure, each) for each in found]
    alone = max(len(each) for each in panels) == 1 and len(found) == 1
    title = heading(table.question, WIDTH - 2 * MARGIN)
    caption = wrap(explanation(figure, names, found, panels), WIDTH - 2 * MARGIN, 8)
    across = 1 if alone else 2
    longest = max(len(part) for name in names_of(found) for part in broken(name, LABELS[1]).split("\n"))
    beside = min(max(LABELS[0], longest * 0.56 * SIZE / 72 + SAMPLE + 0.15), LABELS[1])
    # blocks of one panel each stand side by side, those split into panels below one another, with names above the axes
    split = bool(figure.get("panels"))
    wide = (WIDTH - 2 * MARGIN - GAP * (across - 1)) / across - AXIS - (0.15 if split else beside)
    deep = HEIGHT + (0.6 if alone else 0)
    strip = LEADING * max(len(chosen) + len(without) for each in panels for _, chosen, without in each) + 0.1
    grid = panels if split else [[panel for each in panels for panel in each]]
    above = (TITLE if any(name for each in panels for name, _, _ in each) else 0.0) + (strip if split else 0.0)
    heights = [-(-len(each) // across) * (above + deep + BELOW) for each in grid]
    heads = [0.3 if split and each.block.factors else 0.0 for each in found]
    top = MARGIN + 0.24 * lines(title) + 0.2
    drawn = canvas(WIDTH, top + sum(heights) + sum(heads) + 0.17 * lines(caption) + 0.2)
    write_text(drawn, MARGIN, MARGIN, title, fontsize=13, fontweight="bold", linespacing=1.25)
    for number, (each, height, head) in enumerate(zip(grid, heights, heads, strict=False)):
        if head:
            write_text(drawn, MARGIN, top, found[number].block.label, fontsize=10, fontstyle="italic")
        for index, panel in enumerate(each):
            down, right = divmod(index, across)
            left = MARGIN + AXIS + right * (wide + AXIS + (0.15 if split else beside) + GAP)
            upper = top + head + down * (above + deep + BELOW)
            write_text(drawn, left, upper, panel[0], fontsize=9.5, fontweight="bold")
            axes = place(drawn, left, upper + above, wide, deep)
            # panels of one block share their axis, blocks may be of different worlds
            limit = vertical(each if split else [panel], figure.get("down_to"))
            values = [x for one in panel[1] for x, _ in one.points]
            if figure.get("log"):
                axes.set_xscale("log", base=2)
            ticks(axes, values, wide)
            fill(axes, panel, names, limit, aside(axes, values, len(panel[1]), wide))
            tell_lower(axes, panel, names, wide)
            axes.set_ylabel(f"{headline(table)}, %" if right == 0 else "", fontsize=9)
            axes.set_xlabel(line_series.label(figure), fontsize=9)
            room = (wide, strip) if split else (beside, deep)
            corner = (left - 0.1, upper + above - strip) if split else (left + wide, upper + above)
            name_lines(place(drawn, *corner, *room), axes, panel, names, room)
        top += head + height
    write_text(drawn, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return drawn


def panels_of(figure: Mapping[str, Any], found: Lines) -> list[Panel]:
    """A block's panels: those that the YAML asks for, else one; titles name the factors where that is one."""
    without = found.without if figure.get("baseline", True) else []
    by_name = {each.name: each for each in found.series}
    if not figure.get("panels"):
        return [(found.block.label, found.series, without)]
    split = [(title, [by_name[name] for name in names if name in by_name]) for title, names in figure["panels"].items()]
    return [(str(title), chosen, without) for title, chosen in split if chosen] or [("", found.series, without)]


def vertical(panels: Sequence[Panel], down_to: float | None) -> tuple[float, float]:
    """Limits that hold all means and intervals of some panels, but nothing `down_to` points below the best mean."""
    rows = [row for _, chosen, without in panels for row in [*(r for one in chosen for _, r in one.points), *without]]
    means = [[row.sample.mean] for row in rows if row.sample.mean is not None]
    low, high = percent(limits(means, [row.sample.ci95 for row in rows]))
    if down_to is None:
        return low, high
    low = max(low, max(mean for (mean,) in means) - down_to)
    top = max([mean for (mean,) in means] + [row.sample.ci95[1] for row in rows if row.sample.ci95])
    return percent((low, top + 0.06 * (top - low)))


def names_of(found: Sequence[Lines]) -> list[str]:
    """What stands beside some panel."""
    return [
        name for each in found for name in [*(one.name for one in each.series), *(row.name for row in each.without)]
    ]


def broken(name: str, beside: float) -> str:
    """A name in lines, broken at spaces and after underscores."""
    return wrap(name.replace("_", "_ "), beside - SAMPLE - 0.15, SIZE).replace("_ ", "_")


def fill(axes: Axes, panel: Panel, names: Sequence[str], limit: tuple[float, float], apart_by: float) -> None:
    """The rows without the key as horizontal lines with their intervals as bands, then the series."""
    _, chosen, without = panel
    for index, row in enumerate(without):
        if row.sample.ci95 is not None:
            axes.axhspan(*row.sample.ci95, color=GREY, alpha=0.13, linewidth=0, zorder=1)
        if row.sample.mean is not None:
            axes.axhline(
                row.sample.mean, color=GREY, linewidth=1.3, linestyle=REFERENCES[index % len(REFERENCES)], zorder=2
            )
    for index, each in enumerate(chosen):
        inches = (index - (len(chosen) - 1) / 2) * apart_by / 72
        moved = axes.transData + ScaledTranslation(inches, 0, axes.figure.dpi_scale_trans)
        points = [(x, row.sample, row.complete) for x, row in each.points]
        line(axes, points, look(names.index(each.name)), moved)
    axes.set_ylim(*limit)
    axes.locator_params(axis="y", nbins=7)


def tell_lower(axes: Axes, panel: Panel, names: Sequence[str], wide: float) -> None:
    """The means below the axis, at its foot in an axis of `wide` inches; one that finds no room stands higher."""
    foot = axes.get_ylim()[0]
    low, high = places(axes, axes.get_xlim())
    found = [
        (x, f"{row.sample.mean:.1f} ↓", look(names.index(each.name))[0])
        for each in panel[1]
        for x, row in each.points
        if row.sample.mean is not None and row.sample.mean < foot
    ]
    ends: list[float] = []
    for x, text, colour in sorted(found, key=lambda each: each[0]):
        middle, half = float(places(axes, [x])[0] - low) / (high - low) * wide, 0.55 * len(text) * SIZE / 72 / 2
        line_of = next((index for index, end in enumerate(ends) if middle - half > end), len(ends))
        ends[line_of : line_of + 1] = [middle + half]
        given: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom", "zorder": 5}
        given["bbox"] = {"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.5}
        axes.annotate(text, (x, foot), (0, line_of * LEADING * 72), color=colour, fontsize=SIZE, **given)


def name_lines(beside: Axes, axes: Axes, panel: Panel, names: Sequence[str], size: tuple[float, float]) -> None:
    """The names at the right of the panel, each with a piece of its line, as near its end as the others allow."""
    beside.set_axis_off()
    wide, deep = size
    beside.set(xlim=(0, wide), ylim=(0, deep))
    low, high = axes.get_ylim()
    entries: list[tuple[float, str, str, str | None, Any]] = []
    for each in panel[1]:
        ends = [row.sample.mean for _, row in each.points if row.sample.mean is not None]
        if ends:
            entries.append((ends[-1], each.name, *look(names.index(each.name))))
    for index, row in enumerate(panel[2]):
        if row.sample.mean is not None:
            entries.append((row.sample.mean, row.name, GREY, None, REFERENCES[index % len(REFERENCES)]))
    entries.sort(key=lambda entry: entry[0])
    texts = [broken(entry[1], wide) for entry in entries]
    heights = [LEADING * lines(each) for each in texts]
    wanted = [
        max((entry[0] - low) / (high - low) * deep, height / 2) for entry, height in zip(entries, heights, strict=True)
    ]
    for entry, text, middle in zip(entries, texts, apart(wanted, heights, deep), strict=True):
        _, _, colour, marker, dash = entry
        beside.plot((0.1, SAMPLE + 0.02), (middle, middle), color=colour, linestyle=dash, linewidth=1.5, clip_on=False)
        if marker:
            middle_of_line = (0.1 + SAMPLE + 0.02) / 2
            beside.plot(middle_of_line, middle, marker, color=colour, markersize=6, mec="white", mew=0.8)
        beside.text(SAMPLE + 0.1, middle, text, va="center", fontsize=SIZE, color=INK, linespacing=1.05)


def apart(wanted: Sequence[float], heights: Sequence[float], top: float) -> list[float]:
    """Middles near the wanted ones, which ascend, so that boxes of some heights do not overlap and stay below `top`."""
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
    figure: Mapping[str, Any], names: Sequence[str], found: Sequence[Lines], panels: Sequence[Sequence[Panel]]
) -> str:
    """The caption: what the marks are, and which series were asked for in vain."""
    sizes = sorted({row.planned for each in found for one in each.series for _, row in one.points})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    parts = [
        "One seed a mark: no intervals."
        if sizes == [1]
        else f"Mean over seeds (n = {n}) and its 95 % interval (Student t)."
    ]
    if figure.get("baseline", True) and any(each.without for each in found):
        parts.append(
            f"Grey: rows without {line_series.label(figure)}{'' if sizes == [1] else ', the interval as a band'}."
        )
    if figure.get("down_to") is not None:
        parts.append("What lies lower than the axis is told by its value and an arrow.")
    if any(not row.complete for each in found for one in each.series for _, row in one.points):
        parts.append("Open mark: seeds are missing.")
    if any(len(chosen) > 1 for each in panels for _, chosen, _ in each):
        parts.append("Marks at one value stand a little aside of one another.")
    absent = [name for names_ in (figure.get("panels") or {}).values() for name in names_ if name not in names]
    if absent:
        parts.append(f"Asked for, but no series: {', '.join(dict.fromkeys(absent))}.")
    return " ".join(parts)
