"""Panels of lines: ticks that can be read, marks that stand aside of one another."""

from itertools import pairwise

import pytest

from dropgrid.plotting.mean_lines import panels_across
from dropgrid.plotting.style import empty_figure, place_axes, style
from dropgrid.plotting.value_axes import ASIDE, points_aside, value_ticks

WIDE = 3.0


def axes(scale="linear"):
    made = place_axes(empty_figure(6, 4), 0.6, 0.4, WIDE, 2)
    if scale == "log":
        made.set_xscale("log", base=2)
    return made


def labels(drawn):
    return [label.get_text() for label in drawn.get_xticklabels()]


def test_a_tick_a_value_on_its_true_scale():
    drawn = axes()
    value_ticks(drawn, [0.4, 0, 0.1, 0.1], WIDE)
    assert list(drawn.get_xticks()) == [0, 0.1, 0.4] and labels(drawn) == ["0", "0.1", "0.4"]
    low, high = drawn.get_xlim()
    assert low == pytest.approx(-0.02) and high == pytest.approx(0.42)


def test_falling_numbers_run_from_right_to_left():
    drawn = axes()
    value_ticks(drawn, [0.5, 0.9, 1], WIDE, falls=True)
    assert drawn.get_xlim()[0] > 1 > 0.5 > drawn.get_xlim()[1]
    assert list(drawn.get_xticks()) == [0.5, 0.9, 1] and labels(drawn) == ["0.5", "0.9", "1"]


@pytest.mark.parametrize("falls", [False, True])
def test_a_number_too_near_another_stands_lower_or_is_left_out_and_none_overlap(falls):
    with style():
        drawn = axes()
        values = [0, 0.0314, 0.1, 0.101, 0.102, 0.3]
        value_ticks(drawn, values, WIDE, falls=falls)
        texts = labels(drawn)
        assert {"0", "0.1", "0.3"} - {each.strip() for each in texts} <= {"0.1"}
        assert any(text.startswith("\n") for text in texts) and "" in texts
        boxes = [label.get_window_extent() for label in drawn.get_xticklabels() if label.get_text()]
        lines = [label.get_text().count("\n") for label in drawn.get_xticklabels() if label.get_text()]
        for line in (0, 1):
            row = sorted((box.x0, box.x1) for box, own in zip(boxes, lines, strict=True) if own == line)
            assert all(one[1] < other[0] for one, other in pairwise(row))


def test_doublings_are_equally_wide_and_a_number_may_have_a_name():
    drawn = axes("log")
    value_ticks(drawn, [0.5, 1, 8, 64], WIDE, named={0.5: "off"})
    assert labels(drawn) == ["off", "1", "8", "64"]
    low, high = drawn.get_xlim()
    assert 0.5 / low == pytest.approx(high / 64)


def test_marks_stand_aside_no_further_than_half_the_room_between_two_numbers():
    drawn = axes()
    value_ticks(drawn, [0, 1, 10], WIDE)
    points = WIDE * 72 / (drawn.get_xlim()[1] - drawn.get_xlim()[0])  # of the nearest two numbers
    assert points_aside(drawn, [0, 1, 10], 2, WIDE) == ASIDE
    assert points_aside(drawn, [0, 1, 10], 20, WIDE) * 20 == pytest.approx(points / 2)
    falling = axes()
    value_ticks(falling, [0, 1, 10], WIDE, falls=True)
    assert points_aside(falling, [0, 1, 10], 20, WIDE) == pytest.approx(points_aside(drawn, [0, 1, 10], 20, WIDE))
    doubling = axes("log")
    value_ticks(doubling, [1, 2, 1024], WIDE)
    assert points_aside(doubling, [1, 2, 1024], 20, WIDE) * 20 == pytest.approx(0.5 * WIDE * 72 / 11)


def test_three_panels_side_by_side_but_two_of_four_or_of_many_rows():
    assert [panels_across(count, many=False) for count in range(1, 8)] == [1, 2, 3, 2, 3, 3, 3]
    assert [panels_across(count, many=True) for count in range(1, 5)] == [1, 2, 2, 2]
