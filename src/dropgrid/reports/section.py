"""A small table below the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A table as people read it, headings first, the first `left` columns of words; its title, and a note on it."""

    title: str
    lines: Sequence[Sequence[str]]
    left: int
    note: str


def keys(found: Sequence[Mapping[str, str]]) -> list[str]:
    """The factors, as columns."""
    return list(dict.fromkeys(key for each in found for key in each))
