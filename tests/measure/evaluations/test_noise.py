"""Gaussian noise alone."""

from dropgrid.measure.evaluations.corruption import corruption
from dropgrid.measure.evaluations.noise import noise
from dropgrid.tasks.classification import accuracy


def test_it_is_the_corruption_of_that_name_and_without_noise_the_plain_accuracy(make_cell):
    cell = make_cell()
    found = noise(cell, sigmas=[0, 0.4], seed=1)
    same = corruption(cell, kinds=["gaussian_noise"], levels={"gaussian_noise": [0.4]}, seed=1)
    assert list(found) == ["gaussian_noise_0", "gaussian_noise_0.4"]
    assert found["gaussian_noise_0"].value == accuracy(*cell.predict(cell.splits.test))
    assert found["gaussian_noise_0.4"] == same["gaussian_noise_0.4"]
