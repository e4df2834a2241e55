"""The layout of every figure: nothing lies on anything else, nothing is clipped."""

import pytest
from left import apart, texts, within

from dropgrid.plotting.layout import FigureSection, Panel, assemble_figure, panel_figure, panel_rows, small_columns
from dropgrid.plotting.style import MARGIN, WIDTH

LONG = "a long title, as a question may be that somebody asks of a network, and of another, " * 2


def line(axes):
    axes.plot([0, 1000], [0, 0.001])


def panels(count, title="Title"):
    return [Panel(f"{title} {index}", "Step of training", "Loss, nats", line) for index in range(count)]


@pytest.mark.parametrize(("count", "title", "names"), [(1, "Title", 0), (2, LONG, 3), (3, "Title", 20), (4, LONG, 20)])
def test_texts_and_panels_lie_beside_one_another_within_the_figure(count, title, names):
    names = [f"row {index} {'keep_prob=0.9 ' * (index % 4)}" for index in range(names)]
    figure = panel_figure(title, names, [panels(count, title), panels(2)], "Caption. " * 60)
    assert within(figure) and apart(figure) and len(figure.axes) == count + 2
    assert figure.get_figwidth() == WIDTH


def test_sections_stand_below_one_another_under_their_labels():
    sections = [panel_rows(panels(3), 2.0, 2, "one"), panel_rows(panels(1), 2.0, 2, "other")]
    figure = assemble_figure("Title", sections, "Caption")
    assert within(figure) and apart(figure)
    assert [text for text in texts(figure) if text in ("one", "other")] == ["one", "other"]
    first, second, third, alone = (axes.get_position() for axes in figure.axes)
    assert first.y0 == second.y0 > third.y0 > alone.y0 and first.x0 == third.x0 == alone.x0 < second.x0
    assert first.width == pytest.approx(alone.width)


def test_a_section_is_painted_at_its_place_and_the_figure_is_as_high_as_all_of_them():
    tops = []
    sections = [FigureSection(label, 2.0, lambda figure, top: tops.append(top)) for label in ("", "label")]
    figure = assemble_figure("Title", sections, "", width=5.0)
    assert tops[0] > MARGIN and tops[1] - tops[0] > 2.0 and tops[1] + 2.0 < figure.get_figheight() < tops[1] + 2.5


def test_small_panels_stand_four_or_three_side_by_side():
    assert [small_columns(count) for count in range(1, 10)] == [2, 2, 3, 4, 3, 3, 4, 4, 3]
