import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dropgrid.data import image as images_of_files
from dropgrid.data.batches import Order, batches
from dropgrid.data.image_folder import ImageFolder
from dropgrid.data.source import described
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
        "exif": False,
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
    monkeypatch.setattr(images_of_files, "decoded", None)
    assert len(source(root).load().train) == 14


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
    (root / "test").mkdir()
    with pytest.raises(ValueError, match="images/test has no class folders"):
        source(root).spec()
    tiny.tree(root / "test", {"": 3})
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


def lines(made):
    return described(made, made.prepare())


def test_what_was_understood_is_a_line(root, tiny):
    tiny.tree(root, {"": 20}, classes=("cat", "dog", "owl"))
    for name in ("cat", "dog"):
        for i in range(12):
            (root / name / f"{i}.txt").write_text("")
    (root / "dog/README").write_text("")
    shutil.copy(root / "cat/000.png", root / "stray.PNG")
    words = "3 classes (cat 20, dog 20, owl 20); train 42, val 6, test 12"
    left_out = "24 .txt, 1 loose .png, 1 without extension"
    for limit in (2, 0):
        assert lines(source(root, memory_limit=limit)) == [f"{words}; left out: {left_out}"]
    for path in [*root.rglob("*.txt"), root / "dog/README", root / "stray.PNG"]:
        path.unlink()
    assert lines(source(root)) == [words]


def test_of_many_classes_the_first_are_listed(root, tiny):
    tiny.tree(root, {"train": 2, "test": 1}, classes=[f"c{i:02d}" for i in range(11)])
    assert lines(source(root, val=0))[0] == "11 classes (c00 3, c01 3, c02 3, …); train 22, val 0, test 11"


SPELLED: tuple[tuple[str, ...], ...] = (("Train", "Test"), ("TRAIN", "test"), ("training", "Testing"), ("trn", "tst"))


@pytest.mark.parametrize("folders", SPELLED)
def test_splits_may_be_spelled_otherwise(root, tiny, folders):
    counts = dict(zip(folders, (6, 2, 3) if len(folders) == 3 else (6, 3), strict=True))
    tiny.tree(root, counts)
    made = source(root, val=0.5)
    splits = made.load()
    assert made.spec().classes == ("cat", "dog")
    assert made.spec()[3:] == ((12, 4, 6) if len(folders) == 3 else (6, 6, 6))
    assert set(keys(splits.test)) == {picture(path) for path in (root / folders[-1]).rglob("*.png")}


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("Train", "train", "test"), "has several folders for one split: Train, train$"),
        (("train", "val", "valid", "test"), "has several folders for one split: val, valid$"),
        (("Train", "Val"), "has only Train, Val: wanted are train/, test/"),
        (("Train", "Test", "extra"), "has Train/ and Test/, and beside them extra"),
        (
            ("trainset", "testset"),
            r"trainset all hold the same folders \(a, b, c\), so they are no classes: choose one",
        ),
        (("fold1", "fold2", "fold3"), r"data.root=.*fold1, or call them train, test"),
    ],
)
def test_folders_that_are_neither_splits_nor_classes_are_refused(root, tiny, folders, words):
    tiny.tree(root, dict.fromkeys(folders, 2), classes=("a", "b", "c"))
    with pytest.raises(ValueError, match=words):
        source(root).spec()
    shutil.copy(root / folders[0] / "a/000.png", root / folders[0] / "stray.png")  # a loose image is no way around it
    with pytest.raises(ValueError, match=words):
        source(root).spec()


def test_classes_may_each_hold_one_folder_of_the_same_name(root, tiny):
    for name in ("cat", "dog"):
        tiny.tree(root / name, {"": 3}, classes=("images",), seed=ord(name[0]))
    assert source(root).spec().classes == ("cat", "dog") and len(source(root).files.names) == 6


@pytest.mark.parametrize("above", ["archive", "archive/data", "archive/train and test"])
def test_one_class_is_an_error_that_names_the_folder_that_was_meant(root, tiny, above):
    inner = root / above.partition("/train")[0]
    tiny.tree(inner, {"train": 3, "test": 2} if "train" in above else {"": 3}, classes=("a", "b", "c"))
    with pytest.raises(ValueError, match=rf"has one class folder, archive: .*; did you mean data.root={inner}\?"):
        source(root).spec()
    assert source(inner).spec().classes == ("a", "b", "c")


def test_one_class_without_folders_is_an_error_too(root, tiny):
    tiny.tree(root, {"": 5}, classes=("only",))
    with pytest.raises(ValueError, match="has one class folder, only: there must be two classes or more$"):
        source(root).spec()
    tiny.tree(root.parent / "parts", {"train/images": 3, "test/images": 2})
    with pytest.raises(ValueError, match=r"train has one class folder, images: .*; its folders cat, dog belong one"):
        source(root.parent / "parts").spec()


KINDS = (".jpg", ".jfif", ".jpe", ".gif", ".png", ".bmp", ".webp", ".tif", ".tga", ".jp2", ".PNG", ".Jpeg")


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_pillow_reads_is_read(root, tiny, kind):
    tiny.tree(root, {"": 4})
    for name in ("cat", "dog"):
        for i in range(4):
            Image.open(root / name / f"{i:03d}.png").save(root / name / f"more{i}{kind}")
    assert lines(source(root)) == ["2 classes (cat 8, dog 8); train 11, val 2, test 3"]


def test_what_pillow_does_not_read_is_counted(root, tiny):
    tiny.tree(root, {"": 4})
    for name in ("x.svg", "x.eps", "x.pdf", "x.mp4", "x.h5", "X.SVG"):
        (root / "cat" / name).write_bytes(b"x")
    (root / "cat/.DS_Store").write_bytes(b"x")
    assert lines(source(root))[0].endswith("; left out: 1 .eps, 1 .h5, 1 .mp4, 1 .pdf, 2 .svg")
    for path in (root / "dog").iterdir():
        path.rename(path.with_suffix(".svg"))
    with pytest.raises(ValueError, match=r"the class folder .*dog has no images that Pillow reads, only 4 \.svg"):
        source(root).spec()


def unequal(root, tiny, **counts):
    for name, count in counts.items():
        tiny.tree(root, {"": count}, classes=(name,), seed=ord(name))
    return root


def test_a_class_absent_from_a_split_is_noted_and_one_absent_from_training_is_an_error(root, tiny):
    unequal(root, tiny, a=200, b=2, c=1)
    first, *others = lines(source(root))
    assert first.startswith("3 classes (a 200, b 2, c 1); train 142, val 20, test 41")
    assert others == ["note: no validation image of c", "note: no test image of b, c"]
    with pytest.raises(ValueError, match="^no training image of b, c: give each class more images, or leave it out$"):
        lines(source(root, test=0.6, val=0.2))


@pytest.mark.parametrize("limit", [2, 0])
def test_all_files_that_cannot_be_read_are_named_before_training(root, tiny, limit):
    tiny.tree(root, {"": 150}, suffix=".jpg")
    bad = [root / "cat/000.jpg", root / "cat/149.jpg", root / "dog/007.jpg"]  # the first one's size is not asked for
    for path in bad:
        path.write_bytes(path.read_bytes()[:-200] if path != bad[0] else b"no image")
    for _ in range(2):
        made = source(root, memory_limit=limit)
        assert made.spec().size == (8, 8)
        with pytest.raises(ValueError) as error:
            made.prepare()
        named = str(error.value).splitlines()
        assert len(named) == 3 and all(str(path) in line for path, line in zip(bad, named, strict=True))


def test_of_very_many_such_files_the_first_are_named(root, tiny, monkeypatch):
    monkeypatch.setattr("dropgrid.data.image_folder.MOST_NAMED", 2)
    tiny.tree(root, {"": 3})
    for path in root.rglob("00[012].png"):
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"cat/000.png.*\n.*cat/001.png.*\nand 4 more files$"):
        source(root).prepare()


@pytest.mark.parametrize("limit", [2, 0])
def test_an_exif_orientation_is_noted_or_applied(root, tiny, limit):
    tiny.tree(root, {"": 4}, size=(6, 10), suffix=".jpg")
    exif = Image.Exif()
    exif[274] = 6
    turned = [root / "cat/000.jpg", root / "dog/002.jpg"]
    for path in turned:
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    plain = source(root, size=6, val=0, memory_limit=limit)
    for _ in range(2):
        assert lines(plain)[1:] == [
            "note: 2 images have an EXIF orientation, which is ignored; data.exif=true applies it"
        ]
    upright = source(root, exif=True, val=0, memory_limit=limit)
    assert lines(upright)[1:] == [] and upright.spec().size == (6, 10)
    assert all(
        split[i][0].shape[1:] == (6, 10) for split in upright.load()[:3] if limit == 0 for i in range(len(split))
    )
    with pytest.raises(ValueError, match="it is 10×6, the first one 6×10|it is 6×10, the first one 10×6"):
        source(root, memory_limit=limit).prepare()
    assert upright.fingerprint() == plain.fingerprint()
    with pytest.raises(ValueError, match="data.exif must be true or false, got 1"):
        source(root, exif=1)


def test_names_of_any_bytes_make_lines_that_can_be_shown(root, tiny):
    tiny.tree(root, {"": 4}, classes=("cat", "d\no\udcffg"))
    (root / "cat/x.\x1b[1m\udcff").write_bytes(b"x")
    (root / "cat/a\nb.png").write_bytes((root / "cat/001.png").read_bytes())
    made = source(root, val=0)
    assert lines(made) == ["2 classes (cat 5, d?o?g 4); train 7, val 0, test 2; left out: 1 .?[1m?"]
    (root / "cat/a\nb.png").write_bytes((root / "cat/002.png").read_bytes())
    assert source(root).differing(made.fingerprint()) == "cat/a?b.png has changed"
