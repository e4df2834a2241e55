"""PNGs are small, equal for equal figures, and lose no colour that can be seen."""

import io

import numpy as np
from PIL import Image

from dropgrid.plotting.style import CYCLE, DPI, empty_figure, pdf, place_axes, png, style


def lines_figure():
    with style():
        figure = empty_figure(6, 4)
        axes = place_axes(figure, 0.5, 0.3, 5, 3)
        for index, colour in enumerate(CYCLE):
            axes.plot([0, 1], [index, index + 1], color=colour, linewidth=2)
            axes.fill_between([0, 1], [index] * 2, [index + 0.5] * 2, color=colour, alpha=0.2)
    return figure


def photo_figure():
    figure = empty_figure(3, 3)
    axes = place_axes(figure, 0, 0, 3, 3)
    axes.set_axis_off()
    axes.imshow(np.random.default_rng(0).uniform(size=(60, 60, 3)))
    return figure


def opened(figure):
    return Image.open(io.BytesIO(png(figure)))


def test_a_figure_of_lines_has_a_palette_and_keeps_its_colours():
    image = opened(lines_figure())
    assert image.mode == "P" and image.size == (6 * DPI, 4 * DPI)
    found = np.asarray(image.convert("RGB"), dtype=int).reshape(-1, 3)
    for colour in CYCLE:
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(found - wanted).max(1).min() <= 3, colour
    drawn = io.BytesIO()
    lines_figure().savefig(drawn, format="png", dpi=DPI)
    assert len(png(lines_figure())) < 0.6 * len(drawn.getvalue())


def test_a_figure_of_many_colours_keeps_them_all():
    assert opened(photo_figure()).mode == "RGB"


def test_equal_figures_give_equal_bytes():
    assert png(lines_figure()) == png(lines_figure())


def test_powers_of_ten_are_mathematics_in_both_kinds_of_file_and_names_are_not():
    with style():
        figure = empty_figure(3, 3)
        axes = place_axes(figure, 0.8, 0.3, 2, 2)
        axes.plot([0, 1], [1, 1e6])
        axes.set_yscale("log")
        axes.set_title("$x_1$")
    for write in (png, pdf):
        write(figure)
        shown = axes.get_yticklabels()[1:]  # the first lies below the axis
        assert shown and all(each.get_parse_math() for each in shown) and not axes.title.get_parse_math()
