"""Text in inches: its width by the font's own metrics, and lines that fit a width."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

FAMILY = "DejaVu Sans"
"""Comes with matplotlib: figures have the same size everywhere."""

TITLE, LABEL, PANEL_TITLE, NAME, CAPTION = 13.0, 10.0, 9.5, 9.0, 8.0
"""Points: a figure's title, the label of a block, the title of a panel, a row's name, the caption."""

CAPTION_SPACING = 1.35

SMALLER, IN_LINES = (9.0, 8.0, 7.0), 7.5
"""Points of a name in one line, the first if there is room; and of one in several lines."""

BREAKS = re.compile(r"(?<=[_,;/=-])(?=\w)|(?<=\w)(?=[(\[])")
"""Where a word too long for a line is broken, if there is such a place."""


@cache
def loaded_font(bold: bool) -> FT2Font:
    """Return the font of all figures."""
    return get_font(findfont(FontProperties(family=FAMILY, weight="bold" if bold else "normal")))


@cache
def character_width(character: str, bold: bool) -> float:
    """Return the advance of a character, in units of the font size."""
    font = loaded_font(bold)
    return float(font.load_glyph(font.get_char_index(ord(character)), LoadFlags.NO_SCALE).horiAdvance) / (
        font.units_per_EM
    )


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width in inches of the longest line of a text, at a size in points."""
    return max(sum(character_width(each, bold) for each in line) for line in text.split("\n")) * size / 72


def text_height(text: str, size: float, spacing: float = 1.2) -> float:
    """Return a bound on the height of a text in inches, lines `spacing` times the font's height apart; 0 if empty."""
    font = loaded_font(bold=False)
    each = (font.ascender - font.descender) / font.units_per_EM * spacing * size / 72
    return (text.count("\n") + 1) * each if text else 0.0


def wrap(text: str, inches: float, size: float = NAME, *, bold: bool = False) -> str:
    """Return text in lines that fit a width; a word too long for a line is broken, after a sign if it has one."""
    made: list[str] = []
    for word in re.split(r"[ \t\n]+", text.strip(" \t\n")):
        longer = f"{made[-1]} {word}" if made else word
        if text_width(longer, size, bold=bold) <= inches:
            made[-1:] = [longer]
        else:
            made += break_word(word, inches, size, bold=bold)
    return "\n".join(made)


def break_word(word: str, inches: float, size: float, *, bold: bool) -> list[str]:
    """Return a word in lines, as few as its signs allow."""
    made: list[str] = []
    for piece in BREAKS.split(word):
        if made and text_width(made[-1] + piece, size, bold=bold) <= inches:
            made[-1] += piece
        else:
            made += split_word(piece, inches, size, bold=bold)
    return made


def split_word(piece: str, inches: float, size: float, *, bold: bool) -> Iterator[str]:
    """Return parts of a word without signs that fit a width, each of at least one letter."""
    part = ""
    for letter in piece:
        if part and text_width(part + letter, size, bold=bold) > inches:
            yield part
            part = ""
        part += letter
    yield part


def shorten(name: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Return a name that fits a width: if too long it keeps both ends, as rows may differ in either."""
    if text_width(name, size, bold=bold) <= inches:
        return name
    kept = len(name) - 1
    while kept > 2 and text_width(keep_both_ends(name, kept), size, bold=bold) > inches:
        kept -= 1
    return keep_both_ends(name, kept)


def shorten_lines(name: str, inches: float, most: int, size: float, *, bold: bool = False) -> str:
    """Return a name in at most `most` lines that fit a width; if too long it keeps both ends."""
    found, kept = wrap(name, inches, size, bold=bold), len(name) - 1
    while found.count("\n") >= most and kept > 2:
        found, kept = wrap(keep_both_ends(name, kept), inches, size, bold=bold), kept - 1
    return found


def keep_both_ends(name: str, kept: int) -> str:
    """Return a name without its middle."""
    return f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"


def fit_name(name: str, inches: float, *, bold: bool = False) -> tuple[str, float]:
    """Return a name in one line, and the size in points at which it fits; shortened if it fits at none."""
    for size in SMALLER:
        if text_width(name, size, bold=bold) <= inches:
            return name, size
    return shorten(name, inches, size, bold=bold), size


def fit_lines(name: str, inches: float, most: int, *, bold: bool = False) -> tuple[str, float]:
    """Return a name in at most `most` lines, and its size in points: large in one line, else small in several."""
    if text_width(name, NAME, bold=bold) <= inches:
        return name, NAME
    return shorten_lines(name, inches, most, IN_LINES, bold=bold), IN_LINES


def write_text(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Write text with its upper left corner at a place in inches from the figure's."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, **{"ha": "left", "va": "top", **style})
