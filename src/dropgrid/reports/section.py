"""A small table below the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dropgrid.reports.columns import NOTHING, format_number
from dropgrid.statistics.samples import Interval


@dataclass(frozen=True)
class Section:
    """A small table: title, lines (headings first), the number of left-aligned columns, and a note.

    A `brief` section is shown on the terminal and in LaTeX too. A section `below` a figure follows it on the page, and
    comes last in Markdown.
    """

    title: str
    lines: Sequence[Sequence[str]]
    left: int
    note: str
    brief: bool = False
    below: str | None = None


def factor_keys(found: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the factors of several blocks, as columns."""
    return list(dict.fromkeys(key for each in found for key in each))


def format_with_interval(value: float | None, bounds: Interval | None) -> str:
    """Return a value and its interval, such as `1.25 [0.80, 1.96]`."""
    if value is None:
        return NOTHING
    return format_number(value) + (f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else "")
