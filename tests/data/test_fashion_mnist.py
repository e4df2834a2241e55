import os
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from dropgrid.data.fashion_mnist import FashionMnist
from dropgrid.data.idx import FILES, read_idx


def source(root, **changes):
    given = {"root": root, "download": False, "train": None, "val": 10, "split_seed": 0}
    return FashionMnist(**{**given, "cache": root and root.parent / "cache", **changes})


@pytest.mark.parametrize("packed", [False, True])
def test_published_images_with_labels_that_number_sorted_classes(packed, tmp_path, tiny, monkeypatch):
    root = tiny.idx_files(tmp_path / "here", monkeypatch, FashionMnist, packed=packed)
    made = source(root)
    splits = made.load()
    assert made.spec()[1:] == (1, (28, 28), 50, 10, 20)
    assert (splits.test.images[:, 0].numpy() == tiny.pixels(20, (28, 28), 1, seed=2)[..., 0]).all()
    named = [made.classes[label] for label in splits.test.labels]
    assert named == [datasets.FashionMNIST.classes[i % 10] for i in range(20)]
    assert list(made.classes) == sorted(datasets.FashionMNIST.classes)
    assert splits.val.labels.bincount().tolist() == [1] * 10
    both = {image.numpy().tobytes() for split in splits[:2] for image in split.images}
    assert both == {image.tobytes() for image in tiny.pixels(60, (28, 28), 1, seed=1)}


def test_torchvision_reads_the_same_files_so(tmp_path, tiny, monkeypatch):
    root = tiny.idx_files(tmp_path / "here", monkeypatch, FashionMnist)
    theirs = datasets.FashionMNIST(root, train=False)
    images, labels = (read_idx(root / "FashionMNIST" / "raw" / name) for name in FILES[2:])
    assert (theirs.data.numpy() == images).all() and (theirs.targets.numpy() == labels).all()


def test_missing_files_say_where_and_what_to_do(tmp_path):
    with pytest.raises(
        ValueError, match=r"Fashion-MNIST is not in .*: FashionMNIST/raw/train-images.* data\.root=FOLDER"
    ):
        source(tmp_path).fingerprint()


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_corrupt_file_is_named(damage, packed, tmp_path, tiny, monkeypatch):
    root = tiny.idx_files(tmp_path / "here", monkeypatch, FashionMnist, packed=packed)
    (path,) = root.rglob("t10k-labels*")
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-9], "text": b"<html>not found</html>", "empty": b""}[damage])
    with pytest.raises(ValueError, match=f"{path.name} is corrupt .*; delete it and fetch it again"):
        source(root).prepare()


def test_a_download_that_cannot_be_written_or_reached_is_one_line(tmp_path, monkeypatch):
    def fail(self):
        raise RuntimeError("Error downloading train.gz:\nTried http://a, got:\n<urlopen error>")

    monkeypatch.setattr(datasets.FashionMNIST, "download", fail)
    with pytest.raises(ValueError, match="cannot download Fashion-MNIST into .*: Error downloading train.gz: Tried"):
        source(tmp_path, download=True).fingerprint()


def test_files_that_a_package_of_the_system_installed_are_found(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(FashionMnist, "installed", tmp_path / "installed")
    with pytest.raises(ValueError, match="apt-get install dataset-fashion-mnist, or fetch it with data.download=true"):
        source(None, cache=tmp_path / "cache").fingerprint()
    tiny.idx_files(tmp_path / "installed", monkeypatch, FashionMnist, packed=True, flat=True)
    assert len(source(None, cache=tmp_path / "cache").load().test.labels) == 20
    own = tiny.idx_files(tmp_path / "cache/downloads", monkeypatch, FashionMnist, train=70)
    assert source(None, cache=tmp_path / "cache").root == own  # before the package's


def test_the_installed_package_is_the_published_set():
    made = source(None, cache=Path(os.devnull))
    if made.root != FashionMnist.installed:
        pytest.skip("the package dataset-fashion-mnist is not installed")
    images, labels = made.read()
    assert images.shape == (70_000, 1, 28, 28) and np.bincount(labels).tolist() == 10 * [7000]


def test_idx_of_any_rank(tmp_path, tiny):
    array = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "x").write_bytes(tiny.idx(array))
    assert (read_idx(tmp_path / "x") == array).all()
