import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dropgrid.data.split import Files, Known, Memory, Rows, View, evenly, in_memory, mixed, moments
from dropgrid.errors import UserError


def pool(count=40, channels=3, size=(5, 7)):
    images = torch.randint(0, 256, (count, channels, *size), dtype=torch.uint8)
    return images, torch.arange(count)


def test_moments_are_those_of_the_pixels():
    images, labels = pool(200)
    rows = torch.arange(3, 180, 2)
    mean, std = moments(Memory(images, labels, rows))
    pixels = images[rows].numpy().astype(np.float64) / 255
    assert mean.dtype == std.dtype == torch.float32 and mean.shape == std.shape == (3,)
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), rtol=1e-6)


def test_a_channel_that_never_varies_has_std_1():
    images = torch.full((5, 2, 4, 4), 77, dtype=torch.uint8)
    images[:, 1, 0] = 0
    mean, std = moments(Memory(images, torch.zeros(5).long()))
    assert std[0] == 1 and 0 < std[1] < 1
    assert mean[0] == pytest.approx(77 / 255)


def test_splits_in_memory_share_their_pool():
    images, labels = pool()
    rows = Rows(np.arange(20), np.array([25, 22]), np.arange(30, 40))
    splits = in_memory(images.numpy(), labels.numpy(), rows)
    for split, mine in zip(splits[:3], rows, strict=True):
        assert split.pool.data_ptr() == images.data_ptr() and len(split) == len(mine)
        assert torch.equal(split.images, images[mine]) and torch.equal(split.labels, labels[mine])
    assert torch.equal(splits.mean, moments(Memory(images[:20], labels[:20]))[0])
    assert splits.train.to(torch.device("cpu")) is splits.train


def test_on_another_device_there_are_only_the_splits_own_images():
    images, labels = pool()
    there = Memory(images, labels, torch.tensor([3, 1])).to(torch.device("meta"))
    assert there.pool.shape == (2, 3, 5, 7) and len(there) == 2 and there.rows.device.type == "meta"


@pytest.mark.parametrize(
    ("most", "places"), [(4, [0, 2, 5, 7]), (100, list(range(10))), (10, list(range(10))), (1, [0])]
)
def test_evenly(most, places):
    images, labels = pool(20)
    split = Memory(images, labels, torch.arange(5, 15))
    assert evenly(split, most).labels.tolist() == [5 + place for place in places]


def test_evenly_of_nothing_is_nothing():
    images, labels = pool(20)
    assert len(evenly(Memory(images, labels, torch.arange(0)), 5)) == 0


def draw(path, data, high):
    return torch.randint(high, (3, 2, 2), dtype=torch.uint8) + int(data)


def still(path, data):
    return torch.full((3, 2, 2), int(data), dtype=torch.uint8)


NAMES = [b"a/0.png", b"a/1.png", b"b/2.png"]


@pytest.fixture
def root(tmp_path):
    """Files that hold their number."""
    for name in map(bytes.decode, NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(Path(name).stem)
    return tmp_path


@pytest.fixture
def files(root):
    """Makes the split of these files."""
    sizes = np.ones(3, int)
    sha256 = np.array([[*hashlib.sha256(b"%d" % number).digest()] for number in range(3)], np.uint8)

    def make(training=True, read=True):
        known = Known(sizes, sha256 if read else None)
        training = partial(draw, high=200) if training else None
        return Files(root, np.array(NAMES), np.array([0, 0, 1]), known, still, training)

    return make


def test_files_as_evaluation_sees_them(files, root):
    split = files()
    assert len(split) == 3 and split.path(2) == root / "b/2.png"
    image, label = split[2]
    assert (image == 2).all() and label == 1 and isinstance(label, int)


def test_a_view_is_a_function_of_its_key_and_leaves_torchs_generator_alone(files):
    split = files()
    before = torch.get_rng_state()
    one, again, other = (split[View(1, key)][0] for key in (5, 5, 6))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert (files(training=False)[View(1, 5)][0] == 1).all()


def test_files_selected(files):
    split = evenly(files(), 2)
    assert isinstance(split, Files) and [split[i][1] for i in range(2)] == [0, 0]
    chosen = files().select(torch.tensor([2, 0]))
    assert [int(chosen[i][0][0, 0, 0]) for i in range(2)] == [2, 0] and chosen.labels.tolist() == [1, 0]
    assert torch.equal(chosen[View(0, 3)][0], files()[View(2, 3)][0])


@pytest.mark.parametrize(("known", "other"), [("sha256", "7"), ("sizes", "10")])
def test_a_file_that_is_not_the_planned_one_is_refused_as_it_is_read(files, root, known, other):
    split = files(read=known == "sha256")
    chosen = split.select(torch.tensor([2, 1]))
    for item in (1, View(1, 5)):
        assert int(chosen[item][1]) == 0
    (root / "a/1.png").write_text(other)
    for item in (1, View(1, 5)):
        with pytest.raises(
            UserError, match=r"^data: .*a/1\.png has changed since .* \(planned with .*, found .*\); put "
        ):
            chosen[item]
    assert chosen[0][1] == 1
    (root / "a/1.png").unlink()
    with pytest.raises(ValueError, match=r"cannot read the image .*a/1\.png: No such file"):
        chosen[1]


def test_names_that_are_no_utf8():
    name = "é".encode("latin1")
    split = Files(Path("/r"), np.array([name]), np.array([0]), Known(np.ones(1, int)), still)
    assert bytes(split.path(0)) == b"/r/" + name


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_a_split_that_comes_class_by_class_is_mixed_and_no_other(kind, tmp_path):
    def split(labels):
        labels = torch.tensor(labels)
        if kind == "memory":
            return Memory(torch.arange(len(labels)).view(-1, 1, 1, 1).to(torch.uint8), labels)
        names = np.array([f"{index}".encode() for index in range(len(labels))])
        return Files(tmp_path, names, labels.numpy(), Known(np.zeros(len(labels), np.int64)), lambda *_: torch.empty(0))

    ordered = split([0] * 20 + [1] * 20 + [2] * 20)
    found = mixed(ordered, 3)
    assert torch.equal(torch.as_tensor(found.labels).sort().values, torch.as_tensor(ordered.labels))
    assert all(len({*torch.as_tensor(found.labels)[at : at + 20].tolist()}) == 3 for at in (0, 20, 40))
    assert torch.equal(torch.as_tensor(mixed(ordered, 3).labels), torch.as_tensor(found.labels))
    as_it_stands = split([0, 2, 1, 2, 0])
    assert mixed(as_it_stands, 3) is as_it_stands
