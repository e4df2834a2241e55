"""Width of a plateau: by hand, and against a fine grid."""

import numpy as np
import pytest

from dropgrid.statistics.plateaus import plateau_width


def test_width_is_the_share_of_a_fine_grid_that_is_above_the_level():
    random = np.random.default_rng(0)
    for _ in range(20):
        xs = np.sort(random.uniform(0, 1, 6))
        ys = random.normal(90, 1, 6)
        fine = np.linspace(xs[0], xs[-1], 200_001)
        level = random.choice(ys) - 0.5
        expected = np.mean(np.interp(fine, xs, ys) >= level) * (xs[-1] - xs[0])
        assert plateau_width(list(xs), list(ys), level) == pytest.approx(expected, abs=1e-4)


def test_width_of_a_line_and_of_a_plateau_by_hand():
    assert plateau_width([0, 1], [90, 92], 91.5) == pytest.approx(0.25)
    assert plateau_width([0, 1, 2, 4], [91.6, 92, 92, 91.5], 91.5) == 4
    assert plateau_width([0, 1, 2], [80, 90, 80], 89.5) == pytest.approx(0.1)
    assert plateau_width([0, 1, 3], [92, 91.5, 91.5], 91.5) == 3  # just at the threshold
    assert plateau_width([0, 1], [90, 92], 92.5) == 0
