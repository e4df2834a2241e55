"""Measures of paths made by hand."""

import math

import numpy as np
import pytest
from optimizer_paths.measures import corrected, detour, grown, left, oscillation, overshoot
from optimizer_paths.walk import Walk


def walk(*points, arrived=None):
    zeros = np.zeros(len(points))
    return Walk(0.1, np.array(points, dtype=float), zeros, zeros, arrived, None)


def test_a_straight_path_has_no_detour_and_two_sides_of_a_square_have_the_root_of_two():
    assert detour(walk((0, 0), (1, 0), (3, 0)), (3, 0)) == pytest.approx(1)
    assert detour(walk((0, 0), (1, 0), (1, 1)), (1, 1)) == pytest.approx(math.sqrt(2))
    assert detour(walk((0, 0), (3, 0), (9, 9)), (3, 0)) == pytest.approx(1), "what comes after the nearest point is not"
    assert detour(walk((0, 0), (-1, 0)), (3, 0)) == math.inf


def test_an_overshoot_is_how_far_it_goes_back_and_ends_where_it_is_no_farther():
    path = walk((0, 0), (9, 0), (12, 0), (10.2, 0), (10, 0))
    assert overshoot(path, (10, 0)) == pytest.approx(0.1)
    assert corrected(path, (10, 0), 0.05) == 3
    assert corrected(walk((0, 0), (9, 0), (12, 0)), (10, 0), 0.05) is None
    straight = walk((0, 0), (9, 0), (10, 0))
    assert overshoot(straight, (10, 0)) == 0 and corrected(straight, (10, 0), 0.05) == 0


def test_it_has_left_at_the_first_step_beyond():
    path = walk((1, 0.1), (1, -1), (1, -1.1), (1, 0))
    assert left(path, 1.0) == 2 and left(path, 2.0) is None


def test_growth_is_relative_to_the_start_and_taken_at_the_last_step_there_is():
    path = walk((1, 0.1), (1, -0.5), (1, 2))
    assert grown(path, 1) == pytest.approx(5) and grown(path, 10) == pytest.approx(20)
    assert math.isnan(grown(walk((1, 0), (1, 0)), 1))


def test_oscillation_is_the_way_across_until_it_arrives():
    assert oscillation(walk((0, 0.5), (1, 0.2), (2, 0))) == pytest.approx(1)
    assert oscillation(walk((0, 0.5), (1, -0.5), (2, 0.5))) == pytest.approx(4)
    assert oscillation(walk((0, 0.5), (1, -0.5), (2, 0.5), arrived=1)) == pytest.approx(2)
