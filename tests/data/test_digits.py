import numpy as np
import pytest
import torch

from dropgrid.data.digits import Digits


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def source(cache, **changes):
    return Digits(**{"train": None, "val": 297, "test": 500, "split_seed": 0, "cache": cache, **changes})


def test_images_are_scikit_learns_on_a_scale_of_255(cache):
    from sklearn.datasets import load_digits

    digits = load_digits()
    splits = source(cache).load()
    images = torch.cat([split.images for split in splits[:3]])
    assert images.shape == (1797, 1, 8, 8) and images.max() == 255
    ours = sorted(np.rint(image.numpy() / 255 * 16).astype(int).ravel().tolist() for image in images)
    assert ours == sorted(digits.images.astype(int).reshape(-1, 64).tolist())


def test_spec_and_splits_in_proportion(cache):
    made = source(cache)
    assert made.spec() == (tuple("0123456789"), 1, (8, 8), 1000, 297, 500)
    splits = made.load()
    whole = torch.cat([split.labels for split in splits[:3]]).bincount()
    for split in splits[:3]:
        assert (split.labels.bincount() - whole * len(split) / 1797).abs().max() < 1.5


def test_another_set_than_mnists(cache):
    from dropgrid.data.mnist5k import Mnist5k

    mnist = Mnist5k(train=500, val=100, test=100, split_seed=0, cache=cache)
    assert source(cache).fingerprint() != mnist.fingerprint()
