import shutil
from urllib.error import URLError

import pytest

from dropgrid.data.cifar10 import Cifar10
from dropgrid.data.cifar100 import Cifar100

SOURCES = [Cifar10, Cifar100]


def source(kind, root, **changes):
    given = {"root": root, "download": False, "train": None, "val": 12, "split_seed": 0, "cache": "/nowhere"}
    return kind(**{**given, **changes})


def keys(split):
    return [image.numpy().tobytes() for image in split.images]


@pytest.mark.parametrize("kind", SOURCES)
def test_published_images_in_published_splits(kind, tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, kind, train=60, test=21)
    made = source(kind, root, cache=tmp_path / "cache")
    splits = made.load()
    assert made.spec() == (made.classes, 3, (32, 32), 48, 12, 21) and len(made.classes) == 3
    assert made.classes == tuple(sorted(made.classes))
    published = [image.transpose(2, 0, 1).tobytes() for image in tiny.pixels(60, (32, 32), seed=1)]
    labels = {key: i % 3 for i, key in enumerate(published)}
    both = keys(splits.train) + keys(splits.val)
    assert sorted(both) == sorted(published)
    for split in (splits.train, splits.val):
        assert split.labels.tolist() == [labels[key] for key in keys(split)]
        assert split.labels.bincount().tolist() == [len(split) // 3] * 3
    assert keys(splits.test) == [image.transpose(2, 0, 1).tobytes() for image in tiny.pixels(21, (32, 32), seed=2)]
    assert splits.test.labels.tolist() == [i % 3 for i in range(21)]


def test_a_subset_for_training_leaves_validation_and_test_alone(tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, Cifar10)
    whole, part = (source(Cifar10, root, train=train, cache=tmp_path / "cache").load() for train in (None, 15))
    assert len(part.train) == 15 and set(keys(part.train)) < set(keys(whole.train))
    assert keys(part.val) == keys(whole.val) and keys(part.test) == keys(whole.test)


def test_labels_number_sorted_classes_even_if_published_otherwise(tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, Cifar10)
    monkeypatch.setattr(Cifar10, "names", lambda self: ["ship", "airplane", "truck"])
    made = source(Cifar10, root, cache=tmp_path / "cache")
    assert made.classes == ("airplane", "ship", "truck")
    assert made.load().test.labels.tolist() == [[1, 0, 2][i % 3] for i in range(20)]


@pytest.mark.parametrize("kind", SOURCES)
def test_missing_files_say_where_and_what_to_do(kind, tmp_path):
    made = source(kind, tmp_path)
    with pytest.raises(ValueError) as error:
        made.fingerprint()
    text = str(error.value)
    assert made.title in text and f"not in {tmp_path}" in text and kind.kind.base_folder in text
    assert "data.root=FOLDER" in text and "data.download=true" in text and "\n" not in text


def test_the_cache_is_the_default_place(tmp_path, tiny, monkeypatch):
    tiny.cifar(tmp_path / "downloads", monkeypatch, Cifar10)
    assert len(source(Cifar10, None, cache=tmp_path).load().test) == 20
    with pytest.raises(ValueError, match="CIFAR-100 is not in .*/downloads: cifar-100-python/train is missing"):
        source(Cifar100, None, cache=tmp_path).spec()


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_corrupt_file_is_named_and_not_unpickled(name, tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, Cifar10)
    path = root / "cifar-10-batches-py" / name
    path.write_bytes(b"cos\nabort\n(tR.")  # unpickled, this would end the process
    with pytest.raises(ValueError, match=f"{name} is corrupt: its md5 is not the published one"):
        source(Cifar10, root, cache=tmp_path / "cache").prepare()


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    def fail(self):
        raise URLError("no route\nto host")

    monkeypatch.setattr(Cifar10.kind, "download", fail)
    with pytest.raises(ValueError) as error:
        source(Cifar10, tmp_path, download=True).spec()
    assert f"cannot download CIFAR-10 into {tmp_path}: <urlopen error no route to host>" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_download_goes_to_the_cache_once(tmp_path, tiny, monkeypatch):
    elsewhere, calls = tiny.cifar(tmp_path / "net", monkeypatch, Cifar10), []

    class Downloaded(Cifar10):
        def fetch(self):
            calls.append(self.root)
            shutil.copytree(elsewhere, self.root)

    for _ in range(2):
        assert len(source(Downloaded, None, download=True, cache=tmp_path / "cache").load().test) == 20
    assert calls == [tmp_path / "cache" / "downloads"]


def test_a_copy_elsewhere_has_the_same_fingerprint_and_other_images_another(tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, Cifar10)
    shutil.copytree(root, tmp_path / "there")
    one, two = (source(Cifar10, tmp_path / each, cache=tmp_path / each).fingerprint() for each in ("here", "there"))
    path = tmp_path / "there" / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes() + b"\0")
    assert one == two != source(Cifar10, tmp_path / "there", cache=tmp_path / "there").fingerprint()


def test_a_set_of_another_size_is_not_cifar(tmp_path, tiny, monkeypatch):
    root = tiny.cifar(tmp_path / "here", monkeypatch, Cifar10)
    monkeypatch.setattr(Cifar10, "train_total", 55)
    with pytest.raises(ValueError, match=r"has images of shape \(70, 3, 32, 32\), published is \(75, 3, 32, 32\)"):
        source(Cifar10, root, cache=tmp_path / "cache").load()


def test_arguments_that_cannot_be(tmp_path):
    assert Cifar10.train_total == Cifar100.train_total == 50_000
    with pytest.raises(ValueError, match="data.val=50000 do not fit: there are 50000"):
        source(Cifar10, tmp_path, val=50_000)
    with pytest.raises(ValueError, match="data.download must be true or false, got 'yes'"):
        source(Cifar10, tmp_path, download="yes")
