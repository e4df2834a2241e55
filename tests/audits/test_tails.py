"""Tail probabilities against scipy's distributions and against counts."""

import numpy as np
import pytest
from scipy import stats

from dropgrid.audits.tails import ALARM, binomial_tail, chance_of_equal, rate_tail, student_tail


@pytest.mark.parametrize(("count", "draws", "rate"), [(0, 20, 0.3), (3, 50, 0.2), (17, 20, 0.5), (20, 20, 0.9)])
def test_the_binomial_tail_is_twice_the_smaller_side(count, draws, rate):
    law = stats.binom(draws, rate)
    sides = law.cdf(count), law.sf(count - 1)
    assert binomial_tail(count / draws, draws, rate) == pytest.approx(min(1, 2 * min(sides)))


def test_certain_rates():
    assert binomial_tail(0.0, 10, 0.0) == 1 and binomial_tail(0.1, 10, 0.0) == 0 and binomial_tail(1.0, 10, 1.0) == 1


def test_students_tail_is_scipys():
    values = np.random.default_rng(0).normal(0.2, 0.1, 12).tolist()
    assert student_tail(values, 0.5) == pytest.approx(stats.ttest_1samp(values, 0.5).pvalue)
    assert student_tail([0.5], 0.1) == 1 and student_tail([0.5, 0.5], 0.1) == 0


def test_the_tail_of_shares_holds_whatever_depends_within_a_call():
    """Calls that drop all or nothing, blocks that are rare, and independent cells: few tails are below a level."""
    draw = np.random.default_rng(0)
    laws = {
        "all or nothing": lambda: (draw.random(12) < 0.2).astype(float),
        "rare blocks": lambda: draw.poisson(0.05, 12) * 0.02,
        "cells": lambda: draw.binomial(400, 0.2, 12) / 400,
    }
    means = {"all or nothing": 0.2, "rare blocks": 0.001, "cells": 0.2}
    for name, law in laws.items():
        tails = np.array([rate_tail(law().tolist(), means[name]) for _ in range(4000)])
        assert (tails < 0.01).mean() < 0.02 and tails.min() > ALARM, name


def test_equal_draws():
    pairs = np.random.default_rng(0).random((20000, 3, 2)) < 0.3
    counted = (pairs[..., 0] == pairs[..., 1]).all(1).mean()
    assert chance_of_equal(0.3, 2, 3) == pytest.approx(counted, abs=0.01)
