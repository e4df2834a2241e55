import pytest
import torch

from dropgrid.data.fake import Fake


def source(**changes):
    given = {
        "targets": "classes",
        "classes": 7,
        "channels": 3,
        "size": 12,
        "train": 200,
        "val": 30,
        "test": 100,
        "noise": 48,
    }
    return Fake(**{**given, **changes}, cache="/nowhere")


def test_spec_and_shapes():
    made = source(size=[10, 14], channels=2, classes=11)
    assert made.spec()[1:] == (2, (10, 14), 200, 30, 100)
    assert made.spec().classes == tuple(sorted(made.spec().classes)) and len(made.spec().classes) == 11
    splits = made.load()
    assert splits.val.images.shape == (30, 2, 10, 14)
    assert splits.train.labels.bincount().max() - splits.train.labels.bincount().min() <= 1


def test_the_same_every_time_and_other_in_each_split():
    one, again = source().load(), source().load()
    assert torch.equal(one.train.images, again.train.images) and torch.equal(one.test.images, again.test.images)
    assert not torch.equal(one.train.images[:30], one.val.images)
    assert len({image.numpy().tobytes() for split in one[:3] for image in split.images}) == 330


def test_more_images_begin_with_the_same_classes_patterns():
    means = [split.images[split.labels == 2].float().mean(0) for split in (source().load().train, source().load().test)]
    assert (means[0] - means[1]).abs().mean() < 20


def test_it_can_be_learnt():
    """The nearest class mean of the training images names the class of the others."""
    splits = source(train=300).load()
    train, test = splits.train, splits.test
    means = torch.stack([train.images[train.labels == k].float().mean(0) for k in range(7)])
    distance = (test.images.float()[:, None] - means).square().sum((2, 3, 4))
    assert (distance.argmin(1) == test.labels).float().mean() > 0.95


def test_masks_can_be_learnt():
    """The nearest class mean of the training pixels names the class of the others, mostly: some greys are near."""
    splits = source(targets="masks", classes=4, train=40, noise=20).load()
    assert splits.test.labels.shape == (100, 12, 12) and splits.test.labels.dtype == torch.uint8
    pixels, labels = splits.train.images.permute(0, 2, 3, 1).float(), splits.train.labels
    means = torch.stack([pixels[labels == k].mean(0) for k in range(4)])
    distance = (splits.test.images.permute(0, 2, 3, 1).float()[..., None, :] - means).square().sum(-1)
    assert (distance.argmin(-1) == splits.test.labels).float().mean() > 0.9
    assert (splits.test.labels[:, 0, 0] == splits.test.labels[:, 2, 2]).all(), "a part has one class"


def test_fingerprint_is_of_the_arguments():
    changes = [
        {},
        {"noise": 3},
        {"train": 201},
        {"classes": 8},
        {"channels": 1},
        {"size": 13},
        {"size": [12, 13]},
        {"targets": "masks"},
    ]
    assert len({source(**each).fingerprint() for each in changes}) == len(changes)
    assert source(size=12).fingerprint() == source(size=[12, 12]).fingerprint()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"targets": "boxes"}, "data.targets must be"),
        ({"classes": 1}, "data.classes must be a whole number, 2 or more, got 1"),
        ({"train": 0}, "data.train must be"),
        ({"size": [0, 3]}, "data.size must be"),
        ({"noise": 2.5}, "data.noise must be"),
        ({"noise": 64}, "data.noise must be at most 63 grey levels, got 64"),
    ],
)
def test_arguments_that_cannot_be(changes, words):
    with pytest.raises(ValueError, match=words):
        source(**changes)
