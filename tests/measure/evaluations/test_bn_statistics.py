"""One network, measured with each kind of statistics, against networks that have them."""

from dataclasses import replace

import pytest
import torch

from dropgrid.data.split import mixed
from dropgrid.measure.evaluations.bn_statistics import bn_statistics, with_statistics
from dropgrid.measure.trained_cell import DoesNotApply

KINDS = "norm.statistics=[moving,cumulative,0.95]"


def train(cell, steps=6):
    """Move statistics and nothing else."""
    cell.network.train()
    for step in range(steps):
        cell.network(torch.randn(8, cell.spec.channels, *cell.spec.size) * (step + 1))
    cell.network.eval()
    return cell


def accuracy(cell, network=None):
    return cell.headline(cell.predict(cell.splits.test, network=network)).value


def test_each_kind_is_the_network_that_has_it(make_cell, arguments):
    cell = train(make_cell(KINDS))
    found = {name: each.value for name, each in bn_statistics(cell, **arguments("bn_statistics")).items()}
    assert set(found) == {"batch", "moving", "cumulative", "momentum_0.95", "reestimated"}
    assert len({*found.values()}) > 2
    for key, override in (("moving", KINDS), ("cumulative", "norm.statistics=cumulative")):
        torch.manual_seed(0)
        other = make_cell(override)
        other.network.load_state_dict(
            {k: v for k, v in cell.network.state_dict().items() if k in other.network.state_dict()}
        )
        for norm, kept in zip(norms(other), norms(cell), strict=True):
            index = kept.kept.names.index(key)
            norm.running_mean.copy_(kept.kept.mean[index])
            norm.running_var.copy_(kept.kept.var[index])
        assert found[key] == accuracy(other)
    own = make_cell("norm.statistics=batch")
    own.network.load_state_dict({k: v for k, v in cell.network.state_dict().items() if k in own.network.state_dict()})
    assert found["batch"] == accuracy(own)


def norms(cell):
    return [each for each in cell.network.modules() if isinstance(each, torch.nn.BatchNorm2d)]


def test_the_cell_is_left_as_it_was(make_cell, arguments):
    cell = train(make_cell(KINDS))
    before = {name: value.clone() for name, value in cell.network.state_dict().items()}
    bn_statistics(cell, **arguments("bn_statistics"))
    assert all(torch.equal(value, before[name]) for name, value in cell.network.state_dict().items())


def test_a_cell_with_one_kind_has_that_one(make_cell, arguments):
    assert set(bn_statistics(make_cell(), **arguments("bn_statistics"))) == {"batch", "moving", "reestimated"}
    assert set(bn_statistics(make_cell("norm.statistics=batch"), **arguments("bn_statistics"))) == {"batch"}
    with pytest.raises(DoesNotApply, match="no batch norm"):
        bn_statistics(make_cell("norm=layer"), **arguments("bn_statistics"))


def test_batches_of_a_split_that_comes_class_by_class_are_mixed(make_cell, arguments):
    cell = train(make_cell("data.eval_batch_size=10"))
    order = cell.splits.test.labels.argsort(stable=True)
    ordered = replace(cell, splits=cell.splits._replace(test=cell.splits.test.select(order)))
    found = {name: each.value for name, each in bn_statistics(ordered, **arguments("bn_statistics")).items()}
    assert found["moving"] == accuracy(cell)  # whatever the order
    own = with_statistics(cell.network, None)
    shuffled = mixed(ordered.splits.test, cell.seed)
    assert found["batch"] == cell.headline(cell.predict(shuffled, network=own)).value
    assert found["batch"] != cell.headline(cell.predict(ordered.splits.test, network=own)).value
