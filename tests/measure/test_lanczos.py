"""Against dense eigenvalues."""

import numpy as np
import pytest
import torch

from dropgrid.measure.lanczos import lanczos, random_signs, weighted_quantile
from dropgrid.measure.trained_cell import DoesNotApply


def symmetric(size, seed=0):
    drawn = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return drawn + drawn.T


def start(size):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_as_many_steps_as_dimensions_give_all_eigenvalues():
    matrix = symmetric(30)
    ritz = lanczos(lambda v: matrix @ v, start(30), 30)
    assert ritz.values == pytest.approx(torch.linalg.eigvalsh(matrix).numpy(), abs=1e-10)
    assert ritz.bounds.max() < 1e-9


def test_few_steps_find_both_ends_and_the_bounds_hold():
    values = torch.cat([torch.linspace(-1, 1, 200, dtype=torch.float64), torch.tensor([-7.0, 9.0, 12.0])])
    ritz = lanczos(lambda v: values * v, start(203), 25)
    assert ritz.values[[0, -1]] == pytest.approx([-7, 12], abs=1e-8)
    nearest = np.abs(values.numpy()[None] - ritz.values[:, None]).min(1)
    assert (nearest <= ritz.bounds + 1e-12).all()


def test_the_weights_are_gauss_quadrature_of_what_the_start_sees():
    matrix, vector = symmetric(50), start(50)
    ritz = lanczos(lambda v: matrix @ v, vector, 6)
    unit = vector / vector.norm()
    for power in range(12):  # exact up to degree 2 · 6 - 1
        exact = float(unit @ torch.linalg.matrix_power(matrix, power) @ unit)
        assert ritz.weights @ ritz.values**power == pytest.approx(exact, rel=1e-9)


def test_an_exhausted_space_ends_early():
    ritz = lanczos(lambda v: 3 * v, start(20), 20)
    assert ritz.values == pytest.approx([3]) and ritz.weights == pytest.approx([1])
    two = torch.tensor([1.0, 1, 1, 5, 5], dtype=torch.float64)
    assert lanczos(lambda v: two * v, start(5), 5).values == pytest.approx([1, 5])


def test_what_is_not_finite_does_not_apply():
    with pytest.raises(DoesNotApply, match="not finite"):
        lanczos(lambda v: v / 0, start(4), 3)


def test_signs_give_the_mean_eigenvalue_of_a_diagonal_exactly():
    values = torch.arange(9.0)
    found = random_signs(9, torch.Generator().manual_seed(0), values)
    assert set(found.tolist()) == {-1, 1} and float(found @ (values * found)) / 9 == pytest.approx(4)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_quantile_of_equal_weights_is_the_sorted_value(share):
    values = np.random.default_rng(0).normal(size=40)
    assert weighted_quantile(values, np.full(40, 1 / 40), share) == np.quantile(values, share, method="inverted_cdf")
