import numpy as np
import pytest

from dropgrid.data.stratified import divided, sizes_of, stratified

BALANCED = np.repeat(np.arange(10), 50)
UNEVEN = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [400, 100, 37, 13]))


def counts(labels, rows):
    return np.bincount(labels[rows], minlength=labels.max() + 1)


def test_an_order_of_all_images():
    assert sorted(stratified(UNEVEN, 0)) == list(range(len(UNEVEN)))


@pytest.mark.parametrize(("train", "val", "test"), [(300, 100, 100), (123, 45, 67), (13, 9, 1), (500 - 77, 0, 77)])
def test_disjoint_and_every_class_within_one(train, val, test):
    parts = divided(BALANCED, 0, {"train": train, "val": val, "test": test})
    everything = np.concatenate(list(parts.values()))
    assert len(set(everything.tolist())) == len(everything) == train + val + test
    for name, size in (("train", train), ("val", val), ("test", test)):
        assert len(parts[name]) == size
        assert np.ptp(counts(BALANCED, parts[name])) <= 1


@pytest.mark.parametrize(("train", "val", "test"), [(300, 100, 100), (61, 22, 111), (400, 50, 100)])
def test_uneven_classes_keep_their_shares(train, val, test):
    for rows in divided(UNEVEN, 3, {"train": train, "val": val, "test": test}).values():
        share = np.bincount(UNEVEN) * len(rows) / len(UNEVEN)
        assert np.abs(counts(UNEVEN, rows) - share).max() < 1.5


def test_the_test_set_depends_on_its_own_size_alone_and_validation_not_on_training():
    one = divided(UNEVEN, 0, {"train": 100, "val": 50, "test": 100})
    two = divided(UNEVEN, 0, {"train": 20, "val": 50, "test": 100})
    three = divided(UNEVEN, 0, {"train": 300, "val": 7, "test": 100})
    assert (one["test"] == two["test"]).all() and (one["test"] == three["test"]).all()
    assert (one["val"] == two["val"]).all() and set(three["val"]) < set(one["val"])
    assert set(two["train"]) < set(one["train"])


def test_same_seed_same_split_other_seed_other():
    sizes = {"train": 100, "val": 50, "test": 100}
    one, again, other = (divided(UNEVEN, seed, sizes)["test"] for seed in (0, 0, 1))
    assert (one == again).all() and set(one) != set(other)


def test_the_draw_is_random_within_a_class():
    rows = divided(BALANCED, 0, {"train": 400, "test": 100})["test"]
    within = rows % 50
    assert within.std() > 10 and len(set(within.tolist())) > 25


def test_sizes():
    assert sizes_of(100, train=None, val=0.1, test=0.2) == {"train": 70, "val": 10, "test": 20}
    assert sizes_of(100, train=30, val=10, test=20) == {"train": 30, "val": 10, "test": 20}
    assert sizes_of(100, train=0.5, val=0) == {"train": 50, "val": 0}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"train": 60, "val": 20, "test": 21}, "data.train=60, data.val=20, data.test=21 do not fit: there are 100"),
        ({"train": None, "val": 50, "test": 50}, "training needs at least 1"),
        ({"train": 0, "val": 10}, "training needs at least 1"),
        ({"train": None, "val": 10, "test": 0}, "a test set needs at least 1"),
        ({"train": None, "val": -1}, r"data.val must be a count of images or a share of them in \[0, 1\), got -1"),
        ({"train": None, "val": 1.0}, "data.val must be"),
        ({"train": None, "val": True}, "data.val must be"),
        ({"train": None, "val": float("nan")}, "data.val must be"),
        ({"train": "all", "val": 1}, "data.train must be"),
    ],
)
def test_sizes_that_cannot_be(wanted, words):
    with pytest.raises(ValueError, match=words):
        sizes_of(100, **wanted)
