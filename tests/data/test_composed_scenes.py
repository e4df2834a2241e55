"""Composed scenes: masks against what was pasted, splits that share nothing, the same on every machine."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch

from dropgrid.data import composed_scenes
from dropgrid.data.batches import batches
from dropgrid.data.composed_scenes import ComposedScenes
from dropgrid.data.source import described

GIVEN = {
    **{"items": "mnist5k", "root": None, "download": False, "size": 48, "item_size": [16, 32], "count": [1, 3]},
    **{"train": 30, "val": 10, "test": 20, "split_seed": 0},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def make(cache):
    return lambda **changes: ComposedScenes(**{**GIVEN, "cache": cache, **changes})


@pytest.fixture(scope="module")
def splits(make):
    return make().load()


def test_images_and_masks_have_their_shapes_and_classes(make, splits):
    spec = make().spec()
    assert spec.targets == "masks" and spec.classes == ("background", *"0123456789")
    for name in ("train", "val", "test"):
        split = getattr(splits, name)
        assert len(split) == getattr(spec, name)
        assert split.images.shape[1:] == (3, 48, 48) and split.labels.shape[1:] == (48, 48)
        assert split.labels.dtype == torch.uint8 and int(split.labels.max()) <= 10
        assert (split.labels > 0).flatten(1).any(1).all(), "each scene has an item"
    said = described(make(), splits)
    assert said[0].startswith("11 classes (background 60,") and "composed" in said[-1]


def test_batches_are_masks_of_whole_numbers(splits):
    loader = batches(splits.test, 6, order=None, drop_last=False, workers=0, device="cpu")
    masks = torch.cat([masks for _, masks in loader])
    assert masks.dtype == torch.int64 and torch.equal(masks, splits.test.labels.long())


def test_outside_the_items_a_scene_is_its_photograph(make):
    """An independent look: every pixel whose neighbourhood has no item occurs, in its place, in a crop of a photo."""
    source = make()
    scene = source.scene("test", 3, source.items.load().test, [each[:, 512:] for each in photographs()])
    clean = ~wide(scene.mask > 0)
    assert 0.2 < clean.mean() < 1
    matches = []
    for photograph in photographs():
        for crop in (photograph[:, 512:], photograph[:, 512:][:, ::-1]):
            for top in range(crop.shape[0] - 47):
                for left in range(crop.shape[1] - 47):
                    window = crop[top : top + 48, left : left + 48]
                    if np.array_equal(window[clean], scene.pixels.transpose(1, 2, 0)[clean]):
                        matches.append((top, left))
    assert len(matches) >= 1


def photographs():
    return composed_scenes.read_photographs()


def wide(mask, reach=12):
    """A mask and all within `reach` pixels: half-transparent borders are no item's."""
    padded = np.pad(mask, reach)
    shifts = range(2 * reach + 1)
    return np.any([padded[y : y + len(mask), x : x + len(mask)] for y in shifts for x in shifts], axis=0)


def test_a_mask_is_where_the_item_is_opaque(make):
    source = make(count=[1, 1])
    items = source.items.load().train
    backgrounds = [np.zeros_like(each) for each in photographs()]  # what is drawn is all that is not black
    for number in range(20):
        scene = source.scene("train", number, items, backgrounds)
        brightest = scene.pixels.max()
        drawn = scene.pixels.max(0) >= -(-int(brightest) * 128 // 255)
        assert brightest == 0 or (drawn == (scene.mask > 0)).mean() > 0.995  # of a dark tint one grey level is much


def test_later_items_hide_at_most_a_tenth_of_what_they_cover(make, monkeypatch):
    source = make(count=[4, 4], size=64)
    items = source.items.load().train
    overlaps = []
    real = composed_scenes.opacity_of

    def noting(item, side):
        overlaps.append(real(item, side))
        return overlaps[-1]

    monkeypatch.setattr(composed_scenes, "opacity_of", noting)
    for number in range(10):
        overlaps.clear()
        scene = source.scene("train", number, items, photographs())
        own = sum((each >= 128).sum() for each in overlaps)
        assert (scene.mask > 0).sum() <= own
        assert (scene.mask > 0).sum() >= 0.5 * own  # one of four may have found no place


def test_more_scenes_begin_with_the_same_and_a_seed_draws_others(make, splits):
    more = make(train=40).load()
    assert torch.equal(more.train.images[:30], splits.train.images) and torch.equal(
        more.test.images, splits.test.images
    )
    other = make(split_seed=1)
    assert not torch.equal(other.load().train.images, splits.train.images)
    assert len({make().fingerprint(), make(train=40).fingerprint(), other.fingerprint()}) == 3


def test_splits_share_neither_items_nor_backgrounds():
    spans = sorted(composed_scenes.COLUMNS.values())
    assert spans[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(spans))
    assert {each.shape for each in photographs()} == {(427, 640, 3)} and spans[-1][1] == 640


def test_the_same_scenes_on_every_machine(splits):
    digest = hashlib.sha256(splits.test.labels.numpy().tobytes()).hexdigest()[:16]
    assert digest == DIGEST


DIGEST = "a30baae34204b556"
"""Of the masks of 20 test scenes; pixels depend on the versions of Pillow's JPEG decoder too."""


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"size": 129}, "data.size must be a whole number of pixels"),
        ({"item_size": [20]}, "data.item_size must be"),
        ({"item_size": [32, 16]}, "data.item_size must be"),
        ({"item_size": [16, 60]}, "within 8 and 48"),
        ({"count": [0, 2]}, "data.count"),
        ({"items": "cats"}, "data.items"),
        ({"test": 0}, "data.test"),
    ],
)
def test_what_cannot_be_composed_is_refused(make, changes, said):
    with pytest.raises(ValueError, match=said):
        make(**changes)
