import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import RandomErasing

from dropgrid.augments.random_erasing import random_erasing

PLAIN = {"probability": 1.0, "scale": [0.02, 0.33], "ratio": [0.3, 3.3], "fill": "mean"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def holes(count, height, width, **arguments):
    """Where each image was covered: (count, height, width), bool."""
    out, targets = random_erasing(
        torch.ones(count, 2, height, width), torch.arange(count), generator=generator(), **{**PLAIN, **arguments}
    )
    assert torch.equal(out[:, 0], out[:, 1]) and torch.equal(targets, torch.arange(count))
    return out[:, 0] == 0


def rectangles(hole):
    """(top, left, height, width) of each, and that it is one."""
    rows, columns = hole.any(2), hole.any(1)
    assert torch.equal(hole, rows[:, :, None] & columns[:, None, :])
    return torch.stack([rows.int().argmax(1), columns.int().argmax(1), rows.sum(1), columns.sum(1)], 1)


@pytest.mark.parametrize(
    ("size", "changes"),
    [((32, 32), {}), ((12, 20), {}), ((16, 16), {"scale": [0.3, 1.0], "ratio": [0.1, 4.0]})],
)
def test_the_law_is_torchvisions(size, changes):
    """Areas, aspects and places; in the last case many attempts fail, and some images keep all."""
    count, arguments = 4000, {**PLAIN, **changes}
    ours = rectangles(holes(count, *size, **changes))
    image = torch.zeros(1, *size)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        drawn = []
        for _ in range(count):
            top, left, high, wide, _ = RandomErasing.get_params(image, arguments["scale"], arguments["ratio"], [0.0])
            drawn.append((0, 0, 0, 0) if (high, wide) == size else (top, left, high, wide))
    theirs = torch.tensor(drawn)
    for number in range(4):
        assert ks_2samp(ours[:, number], theirs[:, number]).pvalue > 1e-3
    area = [each[:, 2] * each[:, 3] for each in (ours, theirs)]
    assert ks_2samp(*area).pvalue > 1e-3
    centre = [each[:, 0] + each[:, 2] / 2 for each in (ours, theirs)]
    assert ks_2samp(*centre).pvalue > 1e-3


def test_places_are_uniform_where_it_fits():
    hole = holes(20_000, 8, 6, scale=[0.25, 0.25], ratio=[1.0, 1.0])  # √12 rounds to 3
    found = rectangles(hole)
    assert (found[:, 2:] == 3).all()
    corners, times = found[:, :2].unique(dim=0, return_counts=True)
    assert len(corners) == 6 * 4 and (times - 20_000 / 24).abs().max() < 5 * (20_000 / 24) ** 0.5


def test_so_many_images_are_covered():
    share = holes(20_000, 8, 8, probability=0.3).any((1, 2)).double().mean()
    assert share == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_random_is_normal_noise_and_the_rest_stays(layout):
    images = torch.full((500, 3, 16, 16), 7.0).contiguous(memory_format=layout)
    out, _ = random_erasing(images, torch.zeros(500), generator=generator(), **{**PLAIN, "fill": "random"})
    hole = holes(500, 16, 16)[:, None].expand_as(images)
    assert out.is_contiguous(memory_format=layout) and torch.equal(out[~hole], images[~hole])
    values = out[hole]
    assert abs(float(values.mean())) < 5 / len(values) ** 0.5
    assert float(values.std()) == pytest.approx(1, abs=5 / len(values) ** 0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"probability": 0}, "augment.probability must be a number in"),
        ({"scale": [0.3, 0.1]}, r"augment.scale must be \[least, greatest\], in \(0, 1\], got \[0.3, 0.1\]"),
        ({"scale": [0.1, 1.5]}, "augment.scale"),
        ({"scale": 0.3}, "augment.scale"),
        ({"ratio": [0, 1]}, r"augment.ratio must be \[least, greatest\], above 0, got \[0, 1\]"),
        ({"ratio": [1, float("inf")]}, "augment.ratio"),
        ({"ratio": ["1", "2"]}, "augment.ratio"),
        ({"fill": "black"}, "augment.fill must be random or mean, got 'black'"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        random_erasing(torch.zeros(2, 1, 8, 8), torch.zeros(2), generator=generator(), **{**PLAIN, **wrong})
