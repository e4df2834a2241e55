import numpy as np
import scipy.stats
import torch

from dropgrid.masks.uniform import count_zeros, keep_mask, mix, mixed_key, uniform


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


def test_mixed_keys_are_the_published_generator_s_numbers():
    """The first of SplitMix64 with seed 0, as its authors' C code prints them; of numbers and of tensors alike."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B]
    assert [mixed_key(key) for key in range(5)] == [number >> 1 for number in published]
    keys = torch.cat([torch.arange(-9, 9), torch.tensor([2**63 - 1, -(2**63)]), torch.randint(2**62, (1000,)) * 3])
    mixed = mixed_key(keys)
    assert mixed.tolist() == [mixed_key(key) for key in keys.tolist()]
    assert (mixed >= 0).all() and len(mixed.unique()) == len(keys.unique())


def test_every_bit_of_a_key_changes_every_bit_of_its_hash_half_the_time():
    keys = torch.arange(4096)
    bits = torch.arange(63)
    for bit in range(63):
        changed = mixed_key(keys) ^ mixed_key(keys ^ 1 << bit)
        share = ((changed[:, None] >> bits) & 1).double().mean(0)
        assert (share - 0.5).abs().max() < 6 * (0.25 / 4096) ** 0.5


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
