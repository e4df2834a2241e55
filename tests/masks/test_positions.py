import math

import pytest
import torch

from dropgrid.masks import positions
from dropgrid.masks.grid import FAR
from dropgrid.masks.positions import bernoulli_gaps, positions_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("probability", [0.001, 0.05, 0.5, 0.97])
def test_positions_are_a_bernoulli_process(probability):
    count = 200_000
    positions = positions_of(bernoulli_gaps(count, probability, generator()))
    assert positions.min() >= 0 and positions.max() < count
    assert (positions.diff() > 0).all()
    error = (count * probability * (1 - probability)) ** 0.5
    assert abs(len(positions) - count * probability) < 5 * error
    gaps = positions.diff().double()
    assert abs(gaps.mean() - 1 / probability) < 5 * (1 / probability) / math.sqrt(len(gaps))


def test_first_and_last_position_are_as_likely_as_any():
    hits = torch.zeros(7)
    for seed in range(4000):
        hits[positions_of(bernoulli_gaps(7, 0.3, generator(seed)))] += 1
    assert (abs(hits / 4000 - 0.3) < 5 * (0.21 / 4000) ** 0.5).all()


def test_edges():
    assert len(bernoulli_gaps(100, 0.0, generator())) == 0
    assert len(bernoulli_gaps(0, 0.5, generator())) == 0
    assert positions_of(bernoulli_gaps(5, 1.0, generator())).tolist() == [0, 1, 2, 3, 4]
    assert len(bernoulli_gaps(10, 1e-12, generator())) == 0


@pytest.mark.parametrize("probability", [1e-6, 3e-5, 1e-3])
def test_gaps_too_long_for_two_bytes_come_in_pieces(probability, monkeypatch):
    count = 3_000_000
    gaps = bernoulli_gaps(count, probability, generator(4))
    assert gaps.dtype == torch.int16 and gaps.min() >= 0
    assert ((gaps == FAR).sum() > 0) == (probability < 1e-3)
    monkeypatch.setattr(positions, "native", lambda: None)
    assert torch.equal(gaps, bernoulli_gaps(count, probability, generator(4)))
    found = positions_of(gaps)
    assert (found.diff() > 0).all() and found[-1] < count
    assert abs(len(found) - count * probability) < 5 * (count * probability) ** 0.5


def test_a_gap_of_exactly_the_longest_piece():
    of_failure = math.log1p(-0.5)
    wanted = torch.tensor([FAR - 1, FAR, FAR + 1, 2 * FAR, 1])
    logarithms = (wanted - 0.5).double() * of_failure
    for walk in (positions.walk, lambda *given: positions.native().walk(given[0].numpy(), *given[1:])):
        gaps, last = walk(logarithms.clone(), of_failure, 10 * FAR, -1)
        assert last == int(wanted.sum()) - 1
        assert torch.equal(positions_of(torch.as_tensor(gaps)), wanted.cumsum(0) - 1)
