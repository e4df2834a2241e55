import numpy as np
import scipy.stats
import torch

from dropgrid.masks.uniform import count_zeros, keep_mask, mix, uniform


def test_numbers_are_uniform_and_independent_of_their_neighbours():
    for key in (0, 1, 2**62 - 1):
        numbers = uniform(torch.tensor(key), (200_000,)).double().numpy()
        assert scipy.stats.kstest(numbers, "uniform").pvalue > 1e-4
        for lag in (1, 2, 7, 64, 1024):
            assert abs(np.corrcoef(numbers[lag:], numbers[:-lag])[0, 1]) < 5 / 200_000**0.5
        low_bits = (numbers * 2**24).astype(int) & 0xFF
        assert scipy.stats.chisquare(np.bincount(low_bits, minlength=256)).pvalue > 1e-4


def test_keys_that_differ_in_one_bit_give_unrelated_numbers():
    base = uniform(torch.tensor(12345), (50_000,)).double().numpy()
    for bit in (0, 1, 31, 32, 33, 61):
        other = uniform(torch.tensor(12345 ^ 1 << bit), (50_000,)).double().numpy()
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / 50_000**0.5
        assert (base == other).mean() < 1e-3


def test_mix_is_a_bijection_that_stays_in_32_bits():
    numbers = torch.randint(0, 2**32, (100_000,), dtype=torch.int64).unique()
    mixed = mix(numbers)
    assert mixed.min() >= 0 and mixed.max() < 2**32 and len(mixed.unique()) == len(numbers)


def test_rate_of_zeros_and_shapes():
    mask = keep_mask(torch.zeros(1, dtype=torch.float16), torch.tensor(0.3), torch.tensor(5), (1000, 50, 1, 1))
    assert mask.dtype == torch.float16 and mask.shape == (1000, 50, 1, 1)
    assert abs(float((mask == 0).double().mean()) - 0.3) < 5 * (0.21 / 50_000) ** 0.5
    key = torch.tensor(5)
    assert (keep_mask(mask, torch.tensor(0.0), key, (99,)) == 1).all()
    assert (keep_mask(mask, torch.tensor(1.0), key, (99,)) == 0).all()


def test_counting_does_not_overflow_in_half_precision():
    mask = torch.ones(70_000, 2, dtype=torch.float16)
    mask[:3] = 0
    assert count_zeros(mask) == 6
