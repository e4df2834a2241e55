"""The batch is the cell's own first; a replica is what trains, without what is random."""

import pytest
import torch
from torch import nn
from trained_cells import make

from dropgrid.data.batches import Order, batches
from dropgrid.measure.probe import gradients, make_probe, move_parameters, trainable_parameters


@pytest.fixture
def cell(tmp_path):
    return make(tmp_path, "regularizer=dropblock", "regularizer.block_size=2", "regularizer.inference=true")


def test_the_batch_is_the_first_of_the_first_epoch_normalized(cell):
    learner = cell.learner(cell.network, cell.seed)
    found = make_probe(learner, cell.splits.train, images=16, lr=0.1)
    order = Order(len(cell.splits.train), cell.seed)
    order.set_epoch(0)
    first, targets = next(
        iter(batches(cell.splits.train, 16, order=order, drop_last=True, workers=0, device=torch.device("cpu")))
    )
    assert torch.equal(found.images, learner.normalize(first)) and torch.equal(found.targets, targets)
    assert found.lr == 0.1 and found.seed == cell.seed


def test_a_replica_trains_its_norms_drops_nothing_and_leaves_the_network(cell):
    found = make_probe(cell.learner(cell.network, 0), cell.splits.train, images=16)
    before = {key: value.clone() for key, value in cell.network.state_dict().items()}
    replica = found.replica()
    assert all(m.training for m in replica.modules() if isinstance(m, nn.BatchNorm2d))
    assert torch.equal(replica(found.images), found.replica()(found.images))  # keys would differ
    move_parameters(
        replica, trainable_parameters(replica), [torch.ones_like(p) for p in trainable_parameters(replica)], 1.0
    )
    assert not cell.network.training
    assert all(torch.equal(value, before[key]) for key, value in cell.network.state_dict().items())


def test_what_an_output_does_not_depend_on_has_a_gradient_of_0():
    one, two = (torch.ones(3, requires_grad=True) for _ in range(2))
    found = gradients(one.sum(), [one, two])
    assert found[0].tolist() == [1, 1, 1] and found[1].tolist() == [0, 0, 0]


def test_all_images_are_taken_where_more_are_asked_for(cell):
    assert len(make_probe(cell.learner(cell.network, 0), cell.splits.train, images=1000).images) == 64


@pytest.mark.parametrize("images", [0, True, 1.5])
def test_no_count_is_refused(cell, images):
    with pytest.raises(ValueError, match=f"images must be a whole number, 1 or more, got {images}"):
        make_probe(cell.learner(cell.network, 0), cell.splits.train, images=images)
