"""The choice of a rate."""

import numpy as np
from optimizer_paths.tuning import RATES, chosen
from optimizer_paths.walk import Walk


def walk(rate, arrived=None, stopped=None, loss=1.0):
    return Walk(rate, np.zeros((2, 2)), np.array([9.0, loss]), np.array([9.0, loss]), arrived, stopped)


def test_the_grid_is_logarithmic_four_a_decade():
    steps = np.diff(np.log10(RATES))
    assert len(RATES) == 29 and np.abs(steps - 0.25).max() < 2e-3 and (RATES[0], RATES[-1]) == (1e-4, 1e3)


def test_the_fewest_steps_win_and_of_equals_the_smallest_rate():
    assert chosen([walk(0.1, 50), walk(0.2, 40), walk(0.3, 40), walk(0.4, loss=0.0)]) == 0.2
    assert chosen([walk(0.1, 3), walk(0.2, 0)]) == 0.2


def test_where_none_arrives_it_is_the_lowest_loss_of_those_that_stay():
    assert chosen([walk(0.1, loss=3.0), walk(0.2, loss=2.0), walk(0.3, stopped=1, loss=1.0)]) == 0.2
    assert chosen([walk(0.1, stopped=1, loss=3.0), walk(0.2, stopped=1, loss=2.0)]) == 0.2
