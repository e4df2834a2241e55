"""How paths are told apart."""

import numpy as np
from optimizer_paths.looks import APART, alike, drawn, looks, marked
from optimizer_paths.surface import surfaces
from optimizer_paths.walk import Walk

SADDLE = surfaces()["saddle"]


def walk(points):
    zeros = np.zeros(len(points))
    return Walk(0.1, np.array(points, dtype=float), zeros, zeros, None, None)


def test_of_ten_no_two_share_colour_or_marker_and_of_fifty_none_its_look():
    ten = list(looks([str(i) for i in range(10)]).values())
    assert len({colour for colour, _, _ in ten}) == len({marker for _, marker, _ in ten}) == 10
    assert len(set(looks([str(i) for i in range(50)]).values())) == 50


def test_equal_paths_are_named_together():
    one, other = walk([(1, 0), (0.5, 0)]), walk([(1, 0), (0.4, 0)])
    assert alike({"adam": one, "sgd": other, "adamw": walk(one.points.tolist())}) == [["adam", "adamw"], ["sgd"]]


def test_what_is_far_outside_is_drawn_outside():
    points = drawn(walk([(1, 0), (1e30, -1e30)]), SADDLE)
    assert points[0].tolist() == [1, 0] and points[1, 0] > SADDLE.window[1] and abs(points[1]).max() < 1e3


def test_a_path_that_circles_has_few_marks():
    turns = np.linspace(0, 60 * np.pi, 3000)
    points = 0.02 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    assert len(marked(points, SADDLE)) <= 3
    line = np.stack([np.linspace(-1, 1, 500), np.zeros(500)], axis=1)
    assert len(marked(line, SADDLE)) > 0.6 * (2 / 2.5) / APART
