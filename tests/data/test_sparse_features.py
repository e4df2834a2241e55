"""The sparse features: their frequencies, their labels, and what the rare ones tell."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml

from dropgrid.data.sparse_features import SparseFeatures

YAML = Path(__file__).parents[2] / "conf" / "data" / "sparse_features.yaml"
OF_THE_LOADER = {"_target_", "normalize", "sampler", "batch_size", "eval_batch_size", "workers"}


def source(**changes):
    """The option with the values of its YAML, and some changed."""
    given = {key: value for key, value in yaml.safe_load(YAML.read_text()).items() if key not in OF_THE_LOADER}
    return SparseFeatures(**{**given, **changes}, cache="/nowhere")


def model(made):
    """The probabilities p (D,) and the weights W (classes, D) as the docstring has them."""
    most, rate, exponent = made.law
    count = math.prod(made.about.size)
    p = torch.tensor([min(most, rate / k**exponent) for k in range(1, count + 1)], dtype=torch.float64)
    return p, made.weights()


def by_hand(made, images, features):
    """Logits of the first so many features alone."""
    p, weights = model(made)
    x = (images.flatten(1) == 255).double()
    return torch.stack([((x - p) * row)[:, :features].sum(1) for row in weights], dim=1)


@pytest.fixture(scope="module")
def made():
    return source(train=1, val=0, test=20_000)


@pytest.fixture(scope="module")
def test_set(made):
    return made.load().test


def test_spec_and_shapes():
    made = source(size=[3, 5], classes=11, train=20, val=0, test=7, most=0.3)
    assert made.spec()[1:] == (1, (3, 5), 20, 0, 7)
    assert made.spec().classes == tuple(sorted(made.spec().classes)) and len(made.spec().classes) == 11
    splits = made.load()
    assert splits.train.images.shape == (20, 1, 3, 5) and len(splits.val) == 0
    assert set(splits.train.images.unique().tolist()) == {0, 255}


def test_frequencies_are_a_power_law_that_is_cut_off(made, test_set):
    """Each feature's count is binomial; over octaves of k the mean frequency falls as 1 / k."""
    seen = (test_set.images.flatten(1) == 255).double().mean(0)
    p, _ = model(made)
    assert p[:4].tolist() == [0.5] * 4 and p[99] == 0.02 and p[-1] == 2 / 512
    errors = (seen - p) / (p * (1 - p) / len(test_set)).sqrt()
    assert errors.abs().max() < 4.5 and 0.85 < errors.square().mean() < 1.15
    octaves = [seen[2**i - 1 : 2 ** (i + 1) - 1].mean().log2() for i in range(3, 9)]
    assert all(one - two == pytest.approx(1, abs=0.08) for one, two in pairwise(octaves))


@pytest.mark.parametrize("exponent", [0, 0.5, 2])
def test_the_exponent_is_the_argument(exponent):
    made = source(exponent=exponent, size=4, rate=0.4, train=20_000, val=0, test=1)
    seen = (made.load().train.images.flatten(1) == 255).double().mean(0)
    expected = torch.tensor([0.4 / k**exponent for k in range(1, 17)], dtype=torch.float64)
    assert ((seen - expected).abs() < 5 * (expected / 20_000).sqrt()).all()


def test_features_are_drawn_each_by_itself(test_set):
    x = (test_set.images.flatten(1)[:, :40] == 255).double()
    apart = torch.corrcoef(x.T).fill_diagonal_(0)
    assert apart.abs().max() < 5 / len(x) ** 0.5


def test_weights_are_of_one_size_with_either_sign(made):
    weights = made.weights()
    assert weights.shape == (10, 512) and weights.abs().unique().tolist() == [4.0]
    assert (weights.sign().mean(1).abs() < 4 / 512**0.5).all() and weights.unique(dim=0).shape[0] == 10


def test_labels_are_drawn_from_the_model(made, test_set):
    """Of a class's probabilities in ten bins, the share of images that have that label is the bin's mean."""
    probabilities = by_hand(made, test_set.images, 512).softmax(1)
    hits = torch.nn.functional.one_hot(test_set.labels, 10).double()
    bins = (10 * probabilities).long().clamp(max=9)
    for each in range(10):
        own, there = probabilities[bins == each], hits[bins == each]
        error = ((own * (1 - own)).sum() / len(own) ** 2).sqrt()
        assert len(own) > 100 and (own.mean() - there.mean()).abs() < 4 * error
    counts = test_set.labels.bincount(minlength=10) / len(test_set)
    assert counts.min() > 0.08 and counts.max() < 0.12


def test_who_knows_the_weights_is_right_nine_times_in_ten(made, test_set):
    logits = by_hand(made, test_set.images, 512)
    torch.testing.assert_close(made.logits(test_set.images), logits, rtol=0, atol=1e-4)  # p is a multiple of 1/2^24
    right = (logits.argmax(1) == test_set.labels).double().mean()
    expected = logits.softmax(1).amax(1).mean()
    assert expected == pytest.approx(0.9, abs=0.006) and right == pytest.approx(float(expected), abs=0.008)


def test_rare_features_tell_as_much_as_common_ones(made, test_set):
    """Without three quarters of the features, none of them on in 2 % of images, accuracy is far below."""
    right = [(by_hand(made, test_set.images, n).argmax(1) == test_set.labels).double().mean() for n in (8, 32, 128)]
    assert right == sorted(right) and right[-1] == pytest.approx(0.58, abs=0.012)


def test_the_same_every_time_and_other_in_each_split():
    sizes = {"train": 100, "val": 100, "test": 100}
    one, again, more = source(**sizes).load(), source(**sizes).load(), source(**{**sizes, "train": 140}).load()
    state = torch.get_rng_state()
    for split, other in zip(one[:3], again[:3], strict=True):
        assert torch.equal(split.images, other.images) and torch.equal(split.labels, other.labels)
    assert not torch.equal(one.train.images, one.val.images) and not torch.equal(one.val.images, one.test.images)
    assert torch.equal(more.train.images[:100], one.train.images) and torch.equal(more.test.images, one.test.images)
    assert torch.equal(more.train.labels[:100], one.train.labels)
    assert torch.equal(state, torch.get_rng_state())


def test_fingerprint_is_of_the_arguments():
    changes = [
        {},
        {"classes": 4},
        {"size": 8},
        {"size": [32, 16]},
        {"most": 0.4},
        {"rate": 1.5},
        {"exponent": 1.1},
        {"weight": 3},
        {"train": 10},
        {"test": 11},
    ]
    assert len({source(**each).fingerprint() for each in changes}) == len(changes)
    assert source(size=8, weight=4).fingerprint() == source(size=[8, 8], weight=4.0).fingerprint()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": 1}, "data.classes must be a whole number, 2 or more, got 1"),
        ({"size": [0, 3]}, "data.size must be"),
        ({"train": True}, "data.train must be"),
        ({"most": 1}, r"data.most must be a number in \(0, 1\), got 1"),
        ({"rate": 0}, "data.rate must be a number above 0"),
        ({"exponent": -1}, "data.exponent must be a number, 0 or more"),
        ({"weight": "high"}, "data.weight must be a number above 0, got 'high'"),
        ({"exponent": 3}, "the rarest of 512 features would be on in a share of 1e-08 of images"),
    ],
)
def test_arguments_that_cannot_be(changes, words):
    with pytest.raises(ValueError, match=words):
        source(**changes)
