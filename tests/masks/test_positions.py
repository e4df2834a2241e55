import math

import pytest
import torch

from dropgrid.masks.positions import bernoulli_positions


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("probability", [0.001, 0.05, 0.5, 0.97])
def test_positions_are_a_bernoulli_process(probability):
    count = 200_000
    positions = bernoulli_positions(count, probability, generator())
    assert positions.min() >= 0 and positions.max() < count
    assert (positions.diff() > 0).all()
    error = (count * probability * (1 - probability)) ** 0.5
    assert abs(len(positions) - count * probability) < 5 * error
    gaps = positions.diff().double()
    assert abs(gaps.mean() - 1 / probability) < 5 * (1 / probability) / math.sqrt(len(gaps))


def test_first_and_last_position_are_as_likely_as_any():
    hits = torch.zeros(7)
    for seed in range(4000):
        hits[bernoulli_positions(7, 0.3, generator(seed))] += 1
    assert (abs(hits / 4000 - 0.3) < 5 * (0.21 / 4000) ** 0.5).all()


def test_edges():
    assert len(bernoulli_positions(100, 0.0, generator())) == 0
    assert len(bernoulli_positions(0, 0.5, generator())) == 0
    assert bernoulli_positions(5, 1.0, generator()).tolist() == [0, 1, 2, 3, 4]
    assert len(bernoulli_positions(10, 1e-12, generator())) == 0
