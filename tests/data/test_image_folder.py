import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dropgrid.data.batches import Order, batches
from dropgrid.data.image_folder import ImageFolder
from dropgrid.data.split import Files, Memory


def source(folder, **changes):
    given = {
        "root": folder,
        "train": None,
        "val": 0.1,
        "test": 0.2,
        "split_seed": 0,
        "size": None,
        "channels": 3,
        "follow_links": False,
        "memory_limit": 2,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "cache": folder.parent / "cache",
    }
    return ImageFolder(**{**given, **changes})


def keys(split):
    """The images of a split, as bytes."""
    return [image.numpy().tobytes() for image in split.images]


def picture(path):
    return np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


def test_class_folders_are_divided_by_class_and_disjoint(root, tiny):
    tiny.tree(root, {"": 20}, classes=("a", "b", "c"))
    made = source(root)
    splits = made.load()
    assert made.spec() == (("a", "b", "c"), 3, (8, 8), 42, 6, 12)
    assert [len(split) for split in splits[:3]] == [42, 6, 12]
    assert all(split.labels.bincount().tolist() == [len(split) // 3] * 3 for split in splits[:3])
    everything = [key for split in splits[:3] for key in keys(split)]
    assert len(set(everything)) == 60
    assert set(everything) == {picture(path) for path in root.rglob("*.png")}
    for split in splits[:3]:
        for image, label in zip(split.images, split.labels, strict=True):
            folder = root / "abc"[int(label)]
            assert image.numpy().tobytes() in {picture(path) for path in folder.iterdir()}


def test_the_same_again_and_other_with_another_split_seed(root, tiny):
    tiny.tree(root, {"": 20})
    one, again, other = (source(root, split_seed=seed).load() for seed in (0, 0, 1))
    assert keys(one.test) == keys(again.test) and keys(one.train) == keys(again.train)
    assert set(keys(one.test)) != set(keys(other.test))


def test_train_and_test_folders_leave_val_to_be_drawn_off_train(root, tiny):
    tiny.tree(root, {"train": 20, "test": 4})
    made = source(root)
    splits = made.load()
    assert made.spec()[3:] == (36, 4, 8)
    assert set(keys(splits.test)) == {picture(path) for path in (root / "test").rglob("*.png")}
    both = keys(splits.train) + keys(splits.val)
    assert len(both) == 40 and set(both) == {picture(path) for path in (root / "train").rglob("*.png")}


def test_three_folders_are_three_splits(root, tiny):
    tiny.tree(root, {"train": 6, "val": 2, "test": 3})
    made = source(root, val=5000, test=5000)
    splits = made.load()
    assert made.spec()[3:] == (12, 4, 6)
    for part in ("train", "val", "test"):
        found = {picture(path) for path in (root / part).rglob("*.png")}
        assert set(keys(getattr(splits, part))) == found
    assert source(root, train=4).spec()[3:] == (4, 4, 6)


def test_mean_and_std_are_those_of_the_training_images(root, tiny):
    tiny.tree(root, {"": 10})
    splits = source(root).load()
    pixels = splits.train.images.double() / 255
    assert torch.allclose(splits.mean.double(), pixels.mean((0, 2, 3)))
    assert torch.allclose(splits.std.double(), pixels.transpose(0, 1).flatten(1).std(1, correction=0))


def test_decoded_once(root, tiny, monkeypatch):
    tiny.tree(root, {"": 10})
    source(root).prepare()
    monkeypatch.setattr(Image, "open", None)
    made = source(root, size=None)
    made.files  # noqa: B018
    made.__dict__["shape"] = (3, 8, 8)  # the size is read from a header
    assert len(made.load().train) == 14


def test_changed_images_are_decoded_again(root, tiny):
    tiny.tree(root, {"": 10})
    before = source(root)
    old = set(keys(before.load().train))
    for path in sorted(root.rglob("*.png")):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    after = source(root)
    assert after.fingerprint() != before.fingerprint()
    assert not old & set(keys(after.load().train))


def test_sizes_must_agree_or_be_made_to(root, tiny):
    tiny.tree(root, {"": 5})
    Image.new("RGB", (12, 10)).save(root / "dog" / "odd.png")
    with pytest.raises(ValueError, match=r"dog/odd\.png: it is 10×12, the first one 8×8: set data.size"):
        source(root).prepare()
    made = source(root, size=6)
    assert made.spec().size == (6, 6) and made.load().train.images.shape[1:] == (3, 6, 6)
    uniform = source(root, size=8)
    assert uniform.load().train.images.shape[1:] == (3, 8, 8)
    with pytest.raises(ValueError, match="set data.size"):  # though arrays of 8×8 are in the cache now
        source(root).prepare()


def test_images_that_are_no_squares_stay_so(root, tiny):
    tiny.tree(root, {"": 5}, size=(6, 10))
    assert source(root).spec().size == (6, 10)
    assert source(root).load().train.images.shape[1:] == (3, 6, 10)


def test_grey(root, tiny):
    tiny.tree(root, {"": 5})
    made = source(root, channels=1)
    assert made.spec().channels == 1 and made.load().train.images.shape[1:] == (1, 8, 8)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_corrupt_file_is_named_before_anything_trains(root, tiny, suffix):
    tiny.tree(root, {"": 200}, suffix=suffix)
    bad = root / "dog" / f"150{suffix}"
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(ValueError, match=f"cannot read the image .*dog/150\\{suffix}"):
        source(root).prepare()


def test_threads_decode_the_same(root, tiny, monkeypatch):
    tiny.tree(root, {"": 150})
    alone = source(root).load()
    monkeypatch.setattr("dropgrid.data.image_folder.LARGE_FILE", 0)
    together = source(root, cache=root.parent / "elsewhere").load()
    assert keys(alone.train) == keys(together.train)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # macOS
    again = source(root, cache=root.parent / "again").load()
    assert keys(alone.train) == keys(again.train)


def test_a_set_over_the_limit_is_read_as_it_is_used(root, tiny):
    tiny.tree(root, {"": 20})
    held, streamed = source(root, memory_limit=40 * 192 / 2**30), source(root, memory_limit=39 * 192 / 2**30)
    memory, files = held.load(), streamed.load()
    assert isinstance(memory.train, Memory) and isinstance(files.train, Files)
    assert held.spec() == streamed.spec() and held.fingerprint() == streamed.fingerprint()
    assert files.mean.tolist() == [0.5] * 3 and files.std.tolist() == [0.25] * 3
    for one, two in zip(memory[:3], files[:3], strict=True):
        order = Order(len(one), 0)
        both = [list(batches(split, 5, order=order, drop_last=False, workers=0, device="cpu")) for split in (one, two)]
        for (images, labels), (others, their) in zip(*both, strict=True):
            assert torch.equal(images, others) and torch.equal(labels, their)


def test_a_copy_elsewhere_gives_the_same(root, tiny, tmp_path):
    tiny.tree(root, {"": 10})
    shutil.copytree(root, tmp_path / "copy")
    one, two = source(root), source(tmp_path / "copy")
    assert one.fingerprint() == two.fingerprint()
    assert keys(one.load().test) == keys(two.load().test)


def test_roots_that_cannot_be(root, tiny):
    with pytest.raises(ValueError, match="needs data.root"):
        source(root, root=None)
    with pytest.raises(ValueError, match="is not a folder"):
        source(root)
    root.mkdir()
    with pytest.raises(ValueError, match="has no class folders"):
        source(root).spec()
    tiny.tree(root, {"train": 3})
    with pytest.raises(ValueError, match="has only train: wanted are train/, test/ and maybe val/, or classes"):
        source(root).spec()
    tiny.tree(root, {"test": 3})
    (root / "extra").mkdir()
    with pytest.raises(ValueError, match="has train/ and test/, and beside them extra"):
        source(root).spec()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 2}, "data.channels must be 3 or 1, got 2"),
        ({"size": 0}, "data.size must be a whole number"),
        ({"memory_limit": -1}, "data.memory_limit must be a number of GiB"),
        ({"memory_limit": float("nan")}, "data.memory_limit must be a number of GiB"),
        ({"root": ["a"]}, r"data.root must be a folder's path, got \['a'\]"),
        ({"val": 300}, "do not fit: there are 20 images"),
        ({"mean": [0.5], "memory_limit": 0}, "data.mean must be 3 numbers"),
    ],
)
def test_arguments_that_cannot_be(root, tiny, changes, words):
    tiny.tree(root, {"": 10})
    with pytest.raises(ValueError, match=words):
        source(root, **changes).load()
