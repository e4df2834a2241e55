"""Folders of images and masks: how they pair, how splits arise, what a mask's numbers mean, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from dropgrid.data.mask_folder import MaskFolder
from dropgrid.data.split import NO_CLASS

CONF = Path(__file__).parents[2] / "conf" / "data"
OF_THE_LOADER = {"batch_size", "eval_batch_size", "workers", "normalize", "sampler"}


def node(name):
    found = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    (*_, base) = found.pop("defaults", [None])
    return {**(node(base) if base else {}), **found}


@pytest.fixture
def make(tmp_path):
    def make(option="mask_folder", **changes):
        arguments = {k: v for k, v in node(option).items() if k not in OF_THE_LOADER}
        given = {k: v for k, v in arguments.items() if not k.startswith("_")}
        return MaskFolder(**{**given, "root": tmp_path / "data", "cache": tmp_path / "cache", **changes})

    return make


def picture(number, size):
    return np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)


def mask(number, size, values=(0, 1)):
    return np.random.default_rng(100 + number).choice(values, size).astype(np.uint8)


def write(folder, count, size=(12, 16), values=(0, 1), images="images", masks="masks", kind="png"):
    """Images and masks 0, 1, …; of one size, and lossless but for `kind` jpg."""
    for part in (images, masks):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(picture(number, size)).save(folder / images / f"{number:03d}.{kind}")
        Image.fromarray(mask(number, size, values)).save(folder / masks / f"{number:03d}.png")


def test_masks_go_with_their_images_into_drawn_splits(make, tmp_path):
    write(tmp_path / "data", 20)
    source = make(size=16)
    spec, splits = source.spec(), source.load()
    assert spec[1:] == (3, (16, 16), 14, 2, 4) and spec.targets == "masks"
    seen = set()
    for name in ("train", "val", "test"):
        split = getattr(splits, name)
        assert len(split) == getattr(spec, name)
        for image, labels in zip(split.images, split.labels, strict=True):
            (number,) = (n for n in range(20) if np.array_equal(image[:, :12].permute(1, 2, 0), picture(n, (12, 16))))
            seen.add(number)
            assert np.array_equal(labels[:12], mask(number, (12, 16)))
            assert (labels[12:] == NO_CLASS).all() and not image[:, 12:].any(), "padding has no class"
    assert seen == {*range(20)}, "each image is in one split"


def test_folders_of_splits_are_taken(make, tmp_path):
    for name, count in (("train", 5), ("Valid", 2), ("test", 3)):
        write(tmp_path / "data" / name, count)
    source = make(size=16)
    assert source.spec()[3:] == (5, 2, 3)
    assert [len(each) for each in source.load()[:3]] == [5, 2, 3]


def test_lists_are_the_splits_of_voc(make, tmp_path):
    """In its published layout: more images than masks, palette masks, a border of 255."""
    root = tmp_path / "data"
    write(root, 8, (40, 30), (0, 7, 20, 255), images="JPEGImages", masks="SegmentationClass", kind="jpg")
    for path in (root / "SegmentationClass").iterdir():
        palette = Image.open(path).convert("L")
        palette.putpalette([each for n in range(256) for each in (n, 255 - n, 0)])
        assert palette.mode == "P"
        palette.save(path)
    Image.fromarray(picture(9, (20, 20))).save(root / "JPEGImages" / "unlabelled.jpg")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for name, chosen in (("train", (0, 2, 4, 6)), ("val", (7, 1))):
        (root / f"ImageSets/Segmentation/{name}.txt").write_text("".join(f"{n:03d}\n" for n in chosen))
    source = make("voc", val=1)
    assert len(source.spec().classes) == 21 and source.spec()[3:] == (3, 1, 2)
    test = source.load().test
    assert test.images.shape == (2, 3, 513, 513)
    for labels, number in zip(test.labels, (7, 1), strict=True):
        assert np.array_equal(labels[:40, :30], mask(number, (40, 30), (0, 7, 20, 255)))


def test_pets_have_their_own_numbers_and_lists_with_more_words(make, tmp_path):
    root = tmp_path / "data"
    write(root, 6, values=(1, 2, 3), masks="annotations/trimaps")
    (root / "annotations/trimaps/._000.png").write_bytes(b"of another file system")
    (root / "annotations/trainval.txt").write_text("# image class\n000 1 1 1\n001 1 1 1\n002 2 1 1\n003 2 1 1\n")
    (root / "annotations/test.txt").write_text("004 1 1 1\n005 2 1 1\n")
    splits = make("oxford_pet", val=1).load()
    for labels, number in zip(splits.test.labels, (4, 5), strict=True):
        wanted = np.array([9, 1, 0, NO_CLASS])[mask(number, (12, 16), (1, 2, 3))]  # pet, background, border
        assert np.array_equal(labels[:12, :16], wanted)


def test_longer_sides_are_shrunk_together(make, tmp_path):
    """A mask that is its image's red channel stays so where it is constant."""
    root = tmp_path / "data"
    write(root, 4, (40, 80))
    for number in range(4):
        halves = np.zeros((40, 80), np.uint8)
        halves[:, 10 + 10 * number :] = 1
        Image.fromarray(np.stack(3 * [halves * 200], 2)).save(root / "images" / f"{number:03d}.png")
        Image.fromarray(halves).save(root / "masks" / f"{number:03d}.png")
    train = make(size=32, val=1, test=1).load().train
    for image, labels in zip(train.images, train.labels, strict=True):
        assert (labels[16:] == NO_CLASS).all() and (labels[:16] != NO_CLASS).all()
        clear = (image[0, :16] == 0) | (image[0, :16] == 200)
        assert clear.float().mean() > 0.9
        assert np.array_equal(labels[:16][clear], (image[0, :16] == 200)[clear])


def test_the_fingerprint_is_of_images_masks_and_lists(make, tmp_path):
    root = tmp_path / "data"
    write(root, 6)
    for name, chosen in (("train", (0, 1, 2, 3)), ("test", (4, 5))):
        (root / f"{name}.txt").write_text("".join(f"{n:03d}\n" for n in chosen))
    lists = {"train": "train.txt", "test": "test.txt"}
    found = [make(lists=lists).fingerprint()]
    Image.fromarray(mask(50, (12, 16))).save(root / "masks/005.png")
    found.append(make(lists=lists).fingerprint())
    assert "masks/005.png has changed" in make(lists=lists).differing(found[0])
    (root / "test.txt").write_text("005\n004\n")
    found.append(make(lists=lists).fingerprint())
    Image.fromarray(picture(50, (12, 16))).save(root / "images/000.png")
    found.append(make(lists=lists).fingerprint())
    assert len({*found}) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [0]}, r"data.values must be 2 numbers, one for each class, got 1"),
        ({"values": [0, 255]}, r"different numbers up to 255, got \[0, 255\], \[255\]"),
        ({"values": [0, 256]}, r"different numbers up to 255"),
        ({"classes": ["thing"]}, r"data.classes must be the names of two classes or more"),
        ({"lists": {"train": "train.txt"}}, r"data.lists must name files for train, test and maybe val, got train"),
        ({"lists": {"train": "../a", "test": "b"}}, r"data.lists: \.\./a leads out of"),
        ({"lists": {"train": "none.txt", "test": "b"}}, r"cannot read .*none.txt"),
        ({"lists": {"train": "list.txt", "test": "list.txt"}}, r"list.txt lists 777, without image or mask"),
        ({"lists": {"train": "one.txt", "test": "two.txt"}}, r"two.txt lists 000, as another split does"),
        ({"masks": "nowhere"}, r"cannot read .*nowhere"),
        ({"size": 0}, r"data.size must be a whole number of pixels"),
    ],
)
def test_wrong_arguments_are_named(make, tmp_path, changes, message):
    write(tmp_path / "data", 6)
    (tmp_path / "data" / "list.txt").write_text("000\n777\n")
    (tmp_path / "data" / "one.txt").write_text("000\n001\n")
    (tmp_path / "data" / "two.txt").write_text("002\n000\n")
    with pytest.raises(ValueError, match=message) as raised:
        make(**changes).load()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((12, 16), 7, np.uint8), r"the mask .*002.png has pixels of 7, which are neither among the values"),
        (np.zeros((12, 16, 3), np.uint8), r"the mask .*002.png has mode RGB: wanted is one number a pixel"),
        (np.zeros((11, 16), np.uint8), r"the mask .*002.png is 11×16, its image 12×16"),
    ],
)
def test_every_bad_mask_is_named(make, tmp_path, array, message):
    write(tmp_path / "data", 6)
    for name in ("002", "004"):
        Image.fromarray(array).save(tmp_path / "data" / "masks" / f"{name}.png")
    with pytest.raises(ValueError, match=message) as raised:
        make().load()
    assert re.findall(r"(\d+)\.png", str(raised.value)) == ["002", "004"]


def test_a_damaged_mask_is_named(make, tmp_path):
    write(tmp_path / "data", 6)
    damaged = tmp_path / "data" / "masks" / "003.png"
    for content in (b"no picture", damaged.read_bytes()[:60]):
        damaged.write_bytes(content)
        with pytest.raises(ValueError, match=r"^cannot read the mask .*003.png: ") as raised:
            make().load()
        assert "\n" not in str(raised.value)


def test_masks_without_images_and_links_out_are_refused(make, tmp_path):
    write(tmp_path / "data", 4)
    (tmp_path / "data" / "images" / "001.png").unlink()
    with pytest.raises(ValueError, match=r"images has no image for the masks 001"):
        make().spec()
    (tmp_path / "data" / "images" / "001.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(ValueError, match=r"leads out of"):
        make().spec()
