"""A small table below the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dropgrid.reports.columns import NOTHING, number
from dropgrid.statistics.samples import Interval


@dataclass(frozen=True)
class Section:
    """A table as people read it, headings first, the first `left` columns of words; its title, and a note on it.

    A `brief` one is shown on a terminal and in LaTeX too. One `below` a figure follows that figure on the page, and is
    last in Markdown.
    """

    title: str
    lines: Sequence[Sequence[str]]
    left: int
    note: str
    brief: bool = False
    below: str | None = None


def factor_keys(found: Sequence[Mapping[str, str]]) -> list[str]:
    """The factors of several blocks, as columns."""
    return list(dict.fromkeys(key for each in found for key in each))


def with_interval(value: float | None, bounds: Interval | None) -> str:
    """`1.25 [0.80, 1.96]`."""
    if value is None:
        return NOTHING
    return number(value) + (f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else "")
