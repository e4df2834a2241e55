"""Widths are what is drawn, and lines fit."""

import pytest

from dropgrid.plotting.style import DPI, empty_figure, style
from dropgrid.plotting.text import fit_lines, fit_name, shorten, text_height, text_width, wrap, write_text

NAMES = ("dropblock_last_two_skip keep_prob=0.9", "iiiillll", "WWMM@@%%", "σ_w² = fan_in · mean W²", "✓ ▲ ◆ ‖∂loss/∂x‖")


def drawn(text, size, dpi=DPI, **more):
    """Inches of a text on a figure."""
    with style():
        figure = empty_figure(30, 5)
        figure.set_dpi(dpi)
        write_text(figure, 0.1, 0.1, text, fontsize=size, **more)
        box = figure.texts[0].get_window_extent()
    return box.width / dpi, box.height / dpi


@pytest.mark.parametrize("size", [7.0, 13.0])
@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("dpi", [DPI, 300])
@pytest.mark.parametrize("name", NAMES)
def test_a_width_is_that_of_the_drawn_text(name, dpi, bold, size):
    width, _ = drawn(name, size, dpi, fontweight="bold" if bold else "normal")
    assert text_width(name, size, bold=bold) == pytest.approx(width, rel=0.02)


@pytest.mark.parametrize("text", ["one", "one\ntwo", "\n".join("many lines")])
@pytest.mark.parametrize("spacing", [1.05, 1.2, 1.35])
def test_a_height_holds_the_drawn_text(text, spacing):
    _, height = drawn(text, 9, linespacing=spacing)
    assert height <= text_height(text, 9, spacing) <= 1.5 * height
    assert text_height("", 9) == 0


@pytest.mark.parametrize("inches", [0.3, 1.0, 3.0, 30.0])
def test_lines_fit_and_lose_nothing(inches):
    text = " ".join(NAMES)
    made = wrap(text, inches, 9)
    assert all(text_width(line, 9) <= inches for line in made.split("\n"))
    assert "".join(made.split()) == "".join(text.split())


def test_a_long_word_is_broken_after_a_sign():
    assert wrap("dropblock_last_two_skip", 1.0, 9) == "dropblock_last_\ntwo_skip"
    assert wrap("keep_prob=0.9", 0.8, 9) == "keep_prob=\n0.9"


def test_a_space_that_may_not_break_does_not():
    assert wrap("a\N{NO-BREAK SPACE}b", 0.12, 9).split("\n")[0] == "a\N{NO-BREAK SPACE}"


@pytest.mark.parametrize("fit", [fit_name, lambda name, inches: fit_lines(name, inches, 3)])
@pytest.mark.parametrize("inches", [0.5, 1.5, 2.5])
def test_a_name_that_is_too_long_keeps_both_ends(fit, inches):
    name = "a_very_long_name_of_a_row_that_goes_on_and_on_and_on_and_on_and_on_for_ever keep_prob=0.95"
    shown, size = fit(name, inches)
    assert all(text_width(line, size) <= inches for line in shown.split("\n"))
    assert shown.startswith("a_v") and shown.endswith(".95")
    assert fit("short", inches) == ("short", 9)


def test_what_fits_is_not_shortened():
    assert shorten("name", 1.0, 9) == "name" and shorten("a longer name", 0.5, 9).count("…") == 1
