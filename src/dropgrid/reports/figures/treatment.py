"""figure_treatment.png: what each site really dropped, or moved by noise, against what it should have."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from dropgrid.plotting.style import (
    BAND,
    CYCLE,
    GREY,
    INK,
    MARKERS,
    VERMILLION,
    canvas,
    lines,
    place,
    style,
    wrap,
    write_text,
)
from dropgrid.reports.table import Row, Table
from dropgrid.reports.treatment import Site, counted
from dropgrid.treatment import DROPPED, MOVED, STANDARD_ERRORS

ORDER = 150
CAPTION = "What every site dropped, or moved by noise: realised against expected"

WIDTH, MARGIN, LINE, SQUARE = 10.5, 0.3, 0.32, 3.6


def draw(table: Table) -> Figure | None:
    """Left: realised against expected. Right: how far apart they are, in standard errors. None without sites."""
    blocks = [(block.label, [row for row in rows if row.sites]) for block, rows in table.blocks]
    blocks = [(label, rows) for label, rows in blocks if rows]
    if not blocks:
        return None
    with style():
        return compose(blocks)


def compose(blocks: Sequence[tuple[str, Sequence[Row]]]) -> Figure:
    """Title, a pair of panels a block, caption."""
    found = [site for _, rows in blocks for row in rows for site in row.sites]
    caption = wrap(explanation(found), WIDTH - 2 * MARGIN, 8)
    heights = [max(SQUARE, LINE * len(rows)) + 0.75 + (0.28 if label else 0) for label, rows in blocks]
    top = MARGIN + 0.35
    figure = canvas(WIDTH, top + sum(heights) + 0.17 * lines(caption) + 0.25)
    write_text(figure, MARGIN, MARGIN, title(found), fontsize=13, fontweight="bold")
    left = MARGIN + 0.5
    for (label, rows), height in zip(blocks, heights, strict=True):
        head = top
        if label:
            write_text(figure, MARGIN, head, label, fontsize=10, fontstyle="italic")
            head += 0.28
        diagonal(place(figure, left, head + 0.1, SQUARE, SQUARE), rows)
        start = left + SQUARE + 2.6
        body = max(LINE * len(rows), SQUARE)
        distances(place(figure, start, head + 0.1, WIDTH - MARGIN - start, body), rows)
        top += height
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def title(found: Sequence[Site]) -> str:
    """What is counted."""
    named = {DROPPED: "dropped", MOVED: "moved by noise"}
    what = ", or ".join(named.get(each, each) for each in counted(found))
    if what == DROPPED:
        what = "dropped fraction"
    return f"{what[:1].upper()}{what[1:]}: realised against expected"


def explanation(found: Sequence[Site]) -> str:
    """The caption: what a mark is, what is counted, and what is flagged."""
    noise = (
        "Filled: Gaussian noise, which drops nothing; counted is what it moves by over 1 σ, erfc(1/√2) = 31.73 % "
        "at any σ above 0. "
        if any(site.noisy for site in found)
        else ""
    )
    does = f"{'drops' if all(site.drops for site in found) else 'does'} exactly what its closed form says"
    return (
        f"Left: a mark a site, fractions over all of training and all seeds; on the line it {does}. {noise}"
        f"Right: the distance in standard errors; beyond ±{STANDARD_ERRORS} (shaded) a site is flagged and its row's "
        "verdict withheld. Crosses: flagged, there or in a single cell."
    )


def look(index: int, site: Site) -> dict[str, Any]:
    """A row's colour and marker, filled where the site adds noise; a flagged site's are a cross."""
    colour, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
    if site.flagged:
        return {"color": VERMILLION, "marker": "x", "s": 60, "linewidths": 2, "zorder": 4}
    face = to_rgba(colour, 0.45) if site.noisy else "none"
    return {"facecolors": face, "edgecolors": colour, "marker": marker, "s": 36, "linewidths": 1.3, "zorder": 3}


def diagonal(axes: Axes, rows: Sequence[Row]) -> None:
    """Realised against expected, in percent."""
    ran = [
        (i, site, 100 * site.realised) for i, row in enumerate(rows) for site in row.sites if site.realised is not None
    ]
    end = 1.08 * max([100 * site.expected for row in rows for site in row.sites] + [y for _, _, y in ran]) or 1.0
    axes.plot((0, end), (0, end), color=GREY, linewidth=0.9, zorder=1)
    for index, site, realised in ran:
        axes.scatter(100 * site.expected, realised, **look(index, site))
    what = " or ".join(counted([site for row in rows for site in row.sites]))
    axes.set(xlim=(0, end), ylim=(0, end), xlabel=f"expected, % {what}", ylabel=f"realised, % {what}")
    axes.locator_params(nbins=6)


def distances(axes: Axes, rows: Sequence[Row]) -> None:
    """(realised - expected) / standard error of each site, a line a row."""
    found = [(i, site, site.errors) for i, row in enumerate(rows) for site in row.sites if site.errors is not None]
    reach = max([1.3 * STANDARD_ERRORS, *(1.1 * abs(errors) for _, _, errors in found)])
    for side in (-1, 1):
        axes.axvspan(side * STANDARD_ERRORS, side * reach, color=BAND, linewidth=0, zorder=0)
        axes.axvline(side * STANDARD_ERRORS, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    for index, site, errors in found:
        axes.scatter(errors, index, **look(index, site))
    axes.set(xlim=(-reach, reach), ylim=(len(rows) - 0.5, -0.5), xlabel="realised − expected, standard errors")
    axes.set_yticks(range(len(rows)), [wrap(row.name, 2.3) for row in rows], color=INK, fontsize=9)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
