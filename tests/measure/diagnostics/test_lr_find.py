"""A range test on losses that are known in closed form."""

import math

import numpy as np
import pytest

from dropgrid.measure.diagnostics.lr_find import lr_find
from dropgrid.measure.training_setup import TrainingSetup

ARGUMENTS = {"low": 1e-4, "high": 100.0, "points": 61, "smooth": 0.0, "explode": 4.0}


def course(loss, lr=0.05):
    """A training whose loss is a function of the rate alone; the rates that it was asked for."""
    asked = []

    def train(schedule, steps, watch):
        for step in range(steps):
            asked.append(lr * schedule(step, 1000))
            if watch(step, loss(asked[-1])):
                return

    return TrainingSetup(lr, lambda *_: 1.0, 1000, train), asked


def test_rates_rise_exponentially_from_low_to_high():
    made, asked = course(lambda rate: 1.0)
    found, arrays = lr_find(made, **ARGUMENTS)
    assert asked == pytest.approx(np.geomspace(1e-4, 100, 61)) and arrays["rates"] == pytest.approx(np.array(asked))
    assert np.isnan(arrays["diverges"]) and np.isnan(arrays["steepest"]) and "diverges" not in found


@pytest.mark.parametrize("smooth", [0.0, 0.5, 0.8])
def test_the_steepest_point_is_that_of_a_logistic_in_the_log_of_the_rate(smooth):
    """Smoothing to both sides moves it nowhere."""
    made, _ = course(lambda rate: 2.0 - 1.0 / (1 + (0.01 / rate) ** 2))
    found, arrays = lr_find(made, **ARGUMENTS | {"smooth": smooth})
    assert found["steepest"].value == pytest.approx(0.01)
    assert found["start"].value == arrays["loss"][0] and found["loss"].value == arrays["smoothed"].min()


def test_it_ends_where_the_loss_is_four_times_its_lowest():
    made, asked = course(lambda rate: 1.0 + rate)
    found, arrays = lr_find(made, **ARGUMENTS)
    beyond = next(rate for rate in np.geomspace(1e-4, 100, 61) if 1 + rate > 4 * (1 + 1e-4))
    assert found["diverges"].value == asked[-1] == pytest.approx(beyond) and len(arrays["loss"]) == len(asked)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_loss_that_is_no_number_ends_it(bad):
    made, asked = course(lambda rate: 1.0 - rate if rate < 0.5 else bad)
    found, arrays = lr_find(made, **ARGUMENTS | {"smooth": 0.8})
    assert found["diverges"].value == asked[-1] and 0.5 <= asked[-1] < 0.7
    assert not math.isfinite(arrays["loss"][-1]) and np.isnan(arrays["smoothed"][-1])
    assert np.isfinite(arrays["smoothed"][:-1]).all() and found["lowest"].value == pytest.approx(asked[-2])


def test_a_loss_that_is_no_number_at_once_has_no_points():
    made, asked = course(lambda rate: math.nan)
    found, _ = lr_find(made, **ARGUMENTS)
    assert len(asked) == 1 and "steepest" not in found and "loss" not in found


def test_smoothed_losses_are_weighted_by_distance():
    made, asked = course(lambda rate: 1.0 + math.sin(5 * math.log(rate)) / 2)
    _, arrays = lr_find(made, **ARGUMENTS | {"smooth": 0.7})
    loss = arrays["loss"]
    slow = [
        sum(0.7 ** abs(i - j) * loss[j] for j in range(len(loss))) / sum(0.7 ** abs(i - j) for j in range(len(loss)))
        for i in range(len(loss))
    ]
    assert arrays["smoothed"] == pytest.approx(np.array(slow)) and len(loss) == len(asked) == 61


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"low": 0}, r"low must be a number in \(0, 100\), got 0"),
        ({"low": 200}, r"low must be a number in \(0, 100\), got 200"),
        ({"high": "x"}, "high must be a number above 0, got 'x'"),
        ({"points": 5}, "points must be a whole number, 10 or more, got 5"),
        ({"smooth": 1}, r"smooth must be a number in \(0, 1\), got 1"),
        ({"explode": 1}, "explode must be a number above 1, got 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes, told):
    with pytest.raises(ValueError, match=told):
        lr_find(course(lambda rate: 1.0)[0], **ARGUMENTS | changes)
