"""Calibration against plain sums, and the temperature against a search."""

import pytest
import torch

from dropgrid.measure.evaluations.calibration import COLDEST, HOTTEST, brier_score, calibration, fit_temperature
from dropgrid.tasks.classification import nll


def test_brier_is_the_sum_over_classes():
    logits, targets = torch.randn(6, 4), torch.randint(4, (6,))
    total = 0.0
    for row, target in zip(logits.double(), targets, strict=True):
        p = row.exp() / row.exp().sum()
        total += sum((float(p[k]) - (k == int(target))) ** 2 for k in range(4))
    assert brier_score(logits, targets) == pytest.approx(total / 6)
    assert brier_score(1000 * torch.eye(3), torch.tensor([1, 2, 0])) == pytest.approx(2)


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
def test_the_temperature_is_that_of_a_fine_search_and_near_the_one_that_made_the_targets(true):
    z = 2 * torch.randn(4000, 5)
    targets = torch.multinomial((z / true).softmax(1), 1)[:, 0]
    found = fit_temperature(z, targets)
    searched = min(torch.logspace(-1, 1, 401, dtype=torch.float64).tolist(), key=lambda t: nll(z.double() / t, targets))
    assert found == pytest.approx(searched, rel=0.01) and found == pytest.approx(true, rel=0.1)
    near = [nll(z.double() / (found * factor), targets) for factor in (0.999, 1.001)]
    assert nll(z.double() / found, targets) <= min(near)


def test_a_network_that_is_never_wrong_or_never_right_stays_within_the_bounds():
    z, targets = torch.eye(3), torch.arange(3)
    assert fit_temperature(z, targets) == pytest.approx(COLDEST)
    assert fit_temperature(-z, targets) == pytest.approx(HOTTEST)


def test_scaling_never_makes_the_validation_likelihood_worse(make_cell):
    cell = make_cell()
    logits, targets = cell.predict(cell.splits.val)
    hot = calibration(cell)["temperature"].value
    assert nll(logits.double() / hot, targets) < nll(logits, targets)


def test_it_measures_the_test_images_before_and_after(make_cell):
    cell = make_cell()
    found, (logits, targets) = calibration(cell), cell.predict(cell.splits.test)
    assert found["nll"].value == nll(logits, targets) and found["nll"].unit == "nats"
    assert found["nll_scaled"].value == pytest.approx(nll(logits.double() / found["temperature"].value, targets))
    assert set(found) == {"temperature", *(f"{k}{s}" for k in ("ece", "nll", "brier") for s in ("", "_scaled"))}


def test_without_validation_images_there_is_no_temperature(make_cell):
    assert set(calibration(make_cell("data.val=0"))) == {"ece", "nll", "brier"}
