import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dropgrid.data.batches import Order, batches
from dropgrid.data.imagenet import ImageNet
from dropgrid.data.split import View
from dropgrid.errors import UserError


def source(folder, **changes):
    given = {
        "root": folder,
        "train": None,
        "val": 4,
        "split_seed": 0,
        "crop": 24,
        "resize": 32,
        "follow_links": False,
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.2],
        "cache": folder.parent / "cache",
    }
    return ImageNet(**{**given, **changes})


@pytest.fixture
def root(tmp_path, tiny):
    return tiny.tree(tmp_path / "imagenet", {"train": 10, "val": 3}, ("n01", "n02"), size=(40, 60), suffix=".JPEG")


def test_the_published_validation_set_is_the_test_set(root):
    made = source(root)
    splits = made.load()
    assert made.spec() == (("n01", "n02"), 3, (24, 24), 16, 4, 6)
    paths = [{split.path(i) for i in range(len(split))} for split in splits[:3]]
    assert paths[2] == set((root / "val").rglob("*.JPEG"))
    assert paths[0] | paths[1] == set((root / "train").rglob("*.JPEG")) and not paths[0] & paths[1]
    assert np.bincount(splits.val.labels).tolist() == [2, 2]
    assert all(split.path(i).parent.name == f"n0{split[i][1] + 1}" for split in splits[:3] for i in (0, len(split) - 1))
    assert splits.mean.tolist() == pytest.approx([0.5, 0.4, 0.3]) and splits.std.tolist() == pytest.approx([0.2] * 3)


def test_evaluation_sees_the_central_crop(root):
    split = source(root).load().train
    picture = Image.open(split.path(0))
    resized = picture.resize((48, 32), Image.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((12, 4, 36, 28))).transpose(2, 0, 1)
    assert split[0][0].dtype == torch.uint8 and (split[0][0].numpy() == expected).all()


def test_training_sees_random_crops_half_of_them_mirrored(tmp_path):
    across = np.broadcast_to(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (48, 64, 3))
    for part in ("train", "val"):
        for name in ("n01", "n02"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(np.ascontiguousarray(across)).save(tmp_path / part / name / "x.png")
    shutil.copy(tmp_path / "train/n01/x.png", tmp_path / "train/n01/y.png")
    split = source(tmp_path, val=1).load().train
    crops = torch.stack([split[View(0, key)][0] for key in range(300)]).float()
    assert crops.shape == (300, 3, 24, 24)
    slope = crops[:, 0, 0, -1] - crops[:, 0, 0, 0]
    assert abs((slope < 0).float().mean() - 0.5) < 5 * (0.25 / 300) ** 0.5
    spans = slope.abs() / 255  # the share of the width that a crop spans
    assert spans.min() < 0.4 and spans.max() > 0.8 and (slope != 0).all()
    assert torch.equal(split[View(0, 7)][0], crops[7].to(torch.uint8))


def test_a_training_epoch_is_the_same_with_workers(root):
    split = source(root).load().train

    def epoch(workers):
        order = Order(16, 0)
        order.set_epoch(3)
        return list(batches(split, 8, order=order, drop_last=True, workers=workers, device="cpu"))

    for (images, labels), (others, their) in zip(epoch(0), epoch(2), strict=True):
        assert images.shape == (8, 3, 24, 24) and torch.equal(images, others) and torch.equal(labels, their)


def test_a_training_subset(root):
    assert source(root, train=6).spec()[3:] == (6, 4, 6)


def test_a_corrupt_file_is_named_when_it_is_read(root):
    bad = root / "val" / "n02" / "001.JPEG"
    bad.write_bytes(b"no image")
    test = source(root).load().test
    with pytest.raises(ValueError, match=r"cannot read the image .*val/n02/001\.JPEG"):
        [test[i] for i in range(6)]


def test_a_file_of_another_size_than_planned_is_refused_as_it_is_read(root):
    test = source(root).load().test
    with (root / "val/n02/001.JPEG").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UserError, match=r"val/n02/001\.JPEG has changed since this cell was planned \(planned with "):
        [test[i] for i in range(6)]


def test_fingerprint_is_of_names_and_sizes(root, tmp_path):
    before = source(root).fingerprint()
    shutil.copytree(root, tmp_path / "copy")
    assert source(tmp_path / "copy").fingerprint() == before
    with (tmp_path / "copy/train/n01/000.JPEG").open("ab") as file:
        file.write(b"\0")
    assert source(tmp_path / "copy").fingerprint() != before
    (root / "train/n01/000.JPEG").rename(root / "train/n01/zzz.JPEG")
    assert source(root).fingerprint() != before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crop": 40}, "data.crop=40 is a crop larger than the image, whose shorter side is 32 pixels"),
        ({"crop": 0}, "data.crop must be a whole number of pixels"),
        ({"resize": "256"}, "data.resize must be a whole number of pixels"),
        ({"mean": [0.5]}, "data.mean must be 3 numbers"),
        ({"root": None}, "data=imagenet needs data.root=FOLDER"),
        ({"val": 20}, "do not fit: there are 20 images"),
    ],
)
def test_arguments_that_cannot_be(root, changes, words):
    with pytest.raises(ValueError, match=words):
        source(root, **changes).spec()


def test_folders_that_are_not_there(tmp_path, tiny):
    with pytest.raises(ValueError, match="has no folder train/: wanted are"):
        source(tmp_path)
    tiny.tree(tmp_path, {"train": 2})
    with pytest.raises(ValueError, match="has no folder val/"):
        source(tmp_path)


def test_validation_may_be_the_test_set_itself(root):
    """The protocol of papers that report the best epoch on the evaluation set."""
    own = source(root, val="test")
    splits = own.load()
    assert own.spec()[-3:] == (20, 6, 6)
    assert (splits.val.names == splits.test.names).all() and len(splits.train) == 20
    with pytest.raises(ValueError, match=r"data\.val must be a count of images or a share"):
        source(root, val="train").spec()
