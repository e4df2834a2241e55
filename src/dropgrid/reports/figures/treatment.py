"""figure_treatment.png: the realised fraction of each site, dropped or moved by noise, against the expected one."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from dropgrid.plotting.layout import AXIS, BELOW, FigureSection, assemble_figure
from dropgrid.plotting.style import BAND, CYCLE, GREY, INK, MARGIN, MARKERS, VERMILLION, WIDTH, place_axes
from dropgrid.plotting.text import NAME, fit_lines, text_width
from dropgrid.reports.table import Row, Table
from dropgrid.reports.treatment import Site, counted_events
from dropgrid.treatment import DROPPED, MOVED, STANDARD_ERRORS

ORDER = 150
CAPTION = "What every site dropped, or moved by noise: realised against expected"

LINE, SQUARE = 0.38, 3.6
"""Inches: height of a row, side of the panel at the left."""

NAMES = (0.8, 2.4)
"""Least and greatest width of the rows' names, in inches."""

NAME_LINES = 3
"""The most lines of a name."""


def draw(table: Table) -> Figure | None:
    """Draw left realised against expected, right their distance in standard errors; None without sites."""
    blocks = [(block.label, [row for row in rows if row.sites]) for block, rows in table.blocks]
    blocks = [(label, rows) for label, rows in blocks if rows]
    if not blocks:
        return None
    found = [site for _, rows in blocks for row in rows for site in row.sites]
    longest = max(text_width(row.name, NAME) for _, rows in blocks for row in rows)
    names = min(max(NAMES[0], longest + 0.02), NAMES[1])
    sections = [site_panels(label, rows, names) for label, rows in blocks]
    return assemble_figure(counted_title(found), sections, explanation(found))


def site_panels(label: str, rows: Sequence[Row], names: float) -> FigureSection:
    """Return a pair of panels, the right one beside the rows' names."""
    body = max(LINE * len(rows), SQUARE)
    start = MARGIN + AXIS + SQUARE + 0.3 + names

    def paint(figure: Figure, top: float) -> None:
        draw_diagonal(place_axes(figure, MARGIN + AXIS, top, SQUARE, SQUARE), rows)
        draw_distances(place_axes(figure, start, top, WIDTH - MARGIN - start, body), rows, names)

    return FigureSection(label, body + BELOW, paint)


def counted_title(found: Sequence[Site]) -> str:
    """Return the title for the counted events."""
    named = {DROPPED: "dropped", MOVED: "moved by noise"}
    what = ", or ".join(named.get(each, each) for each in counted_events(found))
    if what == DROPPED:
        what = "dropped fraction"
    return f"{what[:1].upper()}{what[1:]}: realised against expected"


def explanation(found: Sequence[Site]) -> str:
    """Return the caption: what a mark is, what is counted, and what is flagged."""
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


def site_look(index: int, site: Site) -> dict[str, Any]:
    """Return a row's colour and marker, filled if the site adds noise; a flagged site's is a cross."""
    colour, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
    if site.flagged:
        return {"color": VERMILLION, "marker": "x", "s": 60, "linewidths": 2, "zorder": 4}
    face = to_rgba(colour, 0.45) if site.noisy else "none"
    return {"facecolors": face, "edgecolors": colour, "marker": marker, "s": 36, "linewidths": 1.3, "zorder": 3}


def draw_diagonal(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw realised against expected, in percent."""
    ran = [
        (i, site, 100 * site.realised) for i, row in enumerate(rows) for site in row.sites if site.realised is not None
    ]
    end = 1.08 * max([100 * site.expected for row in rows for site in row.sites] + [y for _, _, y in ran]) or 1.0
    axes.plot((0, end), (0, end), color=GREY, linewidth=0.9, zorder=1)
    for index, site, realised in ran:
        axes.scatter(100 * site.expected, realised, **site_look(index, site))
    what = " or ".join(counted_events([site for row in rows for site in row.sites]))
    axes.set(xlim=(0, end), ylim=(0, end), xlabel=f"expected, % {what}", ylabel=f"realised, % {what}")
    axes.locator_params(nbins=6)


def draw_distances(axes: Axes, rows: Sequence[Row], names: float) -> None:
    """Draw (realised - expected) / standard error of each site, one line per row."""
    found = [(i, site, site.errors) for i, row in enumerate(rows) for site in row.sites if site.errors is not None]
    reach = max([1.3 * STANDARD_ERRORS, *(1.1 * abs(errors) for _, _, errors in found)])
    for side in (-1, 1):
        axes.axvspan(side * STANDARD_ERRORS, side * reach, color=BAND, linewidth=0, zorder=0)
        axes.axvline(side * STANDARD_ERRORS, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    for index, site, errors in found:
        axes.scatter(errors, index, **site_look(index, site))
    axes.set(xlim=(-reach, reach), ylim=(len(rows) - 0.5, -0.5), xlabel="realised − expected, standard errors")
    fitted = [fit_lines(row.name, names, NAME_LINES) for row in rows]
    axes.set_yticks(range(len(rows)), [name for name, _ in fitted], color=INK)
    for tick, (_, size) in zip(axes.get_yticklabels(), fitted, strict=True):
        tick.set(fontsize=size, linespacing=1.0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
