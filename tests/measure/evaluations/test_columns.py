"""The accuracy of one column of a fractal net alone."""

import pytest
import torch

from dropgrid.callbacks.average import reestimate
from dropgrid.measure.evaluations.columns import columns, fractal_blocks
from dropgrid.measure.trained_cell import DoesNotApply
from dropgrid.tasks.classification import accuracy

NET = ["model=fractal", "model.widths=[4,8]", "model.columns=3", "data.eval_batch_size=7"]


def without_others(network, column):
    """Spoil the weights of every other column: none of them may be used."""
    for block in fractal_blocks(network):
        for name, layer in block.named_children():
            if name.startswith("column") and not name.startswith(f"column{column}_"):
                for weight in layer.parameters():
                    weight.data.fill_(torch.nan)


def test_only_its_own_layers_are_used(make_cell):
    cell = make_cell(*NET)
    found = columns(cell, reestimated=False)
    assert list(found) == ["column_0", "column_1", "column_2"]
    assert found["column_2"].label == "Column of 4 layers a block alone"
    images = cell.splits.test.images
    for column in range(3):
        alone = cell.rebuilt(cell.config)
        without_others(alone, column)
        for block in fractal_blocks(alone):
            block.only = column
        logits = cell.learner(alone, 0)(images).detach()
        assert torch.isfinite(logits).all()
        assert found[f"column_{column}"].value == accuracy(logits, cell.splits.test.labels)


def test_a_column_is_its_layers_one_after_the_other(make_cell):
    cell = make_cell(*NET)
    (first, _) = fractal_blocks(cell.network)
    features = torch.randn(2, 3, 12, 12)
    for column in range(3):
        first.only = column
        wanted = features
        for number in range(2**column):
            wanted = getattr(first, f"column{column}_{number}")(wanted)
        assert torch.equal(first(features), wanted)


def test_statistics_are_those_of_the_column(make_cell):
    cell = make_cell(*NET)
    before = {name: value.clone() for name, value in cell.network.state_dict().items()}
    found = columns(cell, reestimated=True)
    assert all(torch.equal(value, before[name]) for name, value in cell.network.state_dict().items())
    alone = cell.rebuilt(cell.config)
    for block in fractal_blocks(alone):
        block.only = 2
    learner = cell.learner(alone, 0)
    split, size = cell.splits.train, 7
    reestimate(learner, zip(split.images.split(size), split.labels.split(size), strict=True))
    logits = learner.eval()(cell.splits.test.images).detach()
    assert found["column_2"].value == accuracy(logits, cell.splits.test.labels)


def test_other_networks_have_no_columns(make_cell):
    with pytest.raises(DoesNotApply, match="model=fractal has"):
        columns(make_cell(), reestimated=True)
