"""Accuracy with a square covered."""

import pytest
import torch

from dropgrid.measure.evaluations.occlusion import occlude, occlusion
from dropgrid.tasks.classification import accuracy

IMAGES = torch.randint(1, 255, (1000, 3, 8, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
COLOUR = torch.tensor([0, 255, 0], dtype=torch.uint8).view(3, 1, 1)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_one_square_inside_each_image(size):
    kept = IMAGES.clone()
    found = occlude(IMAGES, 0, size=size, colour=COLOUR, seed=1)
    hole = (found == COLOUR).all(1)
    rows, columns = hole.any(2), hole.any(1)
    assert torch.equal(hole, rows[:, :, None] & columns[:, None, :]) and torch.equal(IMAGES, kept)
    assert (rows.sum(1) == size).all() and (columns.sum(1) == size).all()
    assert torch.equal(found[~hole[:, None].expand_as(found)], IMAGES[~hole[:, None].expand_as(found)])
    places = torch.stack([rows.int().argmax(1), columns.int().argmax(1)], 1).unique(dim=0)
    assert len(places) == (8 - size + 1) * (9 - size + 1)


def test_a_place_depends_on_nothing_but_image_and_seed():
    whole = occlude(IMAGES, 0, size=3, colour=COLOUR, seed=1)
    assert torch.equal(whole[5:], occlude(IMAGES[5:], 5, size=3, colour=COLOUR, seed=1))
    assert not torch.equal(whole, occlude(IMAGES, 0, size=3, colour=COLOUR, seed=2))


@pytest.mark.parametrize("fill", ["mean", "black"])
def test_it_is_the_accuracy_on_the_covered_images(make_cell, fill):
    cell = make_cell("data.eval_batch_size=7")
    found = occlusion(cell, sizes=[2, 12], fill=fill, seed=4)
    assert list(found) == ["occlusion_2", "occlusion_12"] and found["occlusion_2"].label == "Occlusion 2×2"
    mean = cell.splits.mean.view(-1, 1, 1) * (fill == "mean")
    colour = (mean * 255).round().to(torch.uint8)
    for size in (2, 12):
        images = occlude(cell.splits.test.images, 0, size=size, colour=colour, seed=4)
        logits = cell.learner(cell.network, 0)(images).detach()
        assert found[f"occlusion_{size}"].value == accuracy(logits, cell.splits.test.labels)
    assert (images == colour).all()  # all of each is covered, and all are called the same
    assert len(logits.argmax(1).unique()) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sizes": 4}, "sizes takes a list"),
        ({"sizes": [0]}, "sizes lists whole numbers of pixels, 1 or more, got 0"),
        ({"sizes": [13]}, "sizes has 13, which does not fit inside an image of 12×12"),
        ({"fill": "white"}, "fill must be mean or black, got 'white'"),
    ],
)
def test_what_it_cannot_mean_is_refused(make_cell, wrong, message):
    with pytest.raises(ValueError, match=message):
        occlusion(make_cell(), **{"sizes": [4], "fill": "mean", "seed": 0, **wrong})
