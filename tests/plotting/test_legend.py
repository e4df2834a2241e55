"""The rows' names above the panels: in lines that fit, in columns where there are many."""

import pytest

from dropgrid.plotting import style
from dropgrid.plotting.legend import FEW, draw_legend, legend_lines
from dropgrid.plotting.style import MARGIN, WIDTH


def written(names):
    legend = legend_lines(names)
    figure = style.empty_figure(WIDTH, 6)
    with style.style():
        draw_legend(figure, legend, names, MARGIN)
    return figure


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 23])
@pytest.mark.parametrize("length", [3, 18, 60, 300])
def test_every_name_is_there_once_within_the_figure_and_none_overlap(count, length):
    names = [f"{index} " + ("regularizer.keep_prob=0.9 " * 12)[:length] for index in range(count)]
    assert sorted(name for line in legend_lines(names) for name, _ in line) == sorted(names)
    figure = written(names)
    boxes = [text.get_window_extent() for text in figure.texts]
    assert len(boxes) == count and all(box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_few_names_follow_one_another_and_many_run_down_in_columns():
    (line,) = legend_lines(["a", "a_longer_name", "b"])
    assert [name for name, _ in line] == ["a", "a_longer_name", "b"]
    names = [f"row_{index}" for index in range(20)]
    lines = legend_lines(names)
    starts = {at for line in lines for _, at in line}
    assert len(starts) == max(len(line) for line in lines) > 1
    assert [name for column in sorted(starts) for line in lines for name, at in line if at == column] == names
