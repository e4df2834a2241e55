"""Monte-Carlo inference against a computation by hand."""

import copy
from dataclasses import replace

import pytest
import torch

from dropgrid import streams
from dropgrid.measure.evaluations.monte_carlo import monte_carlo
from dropgrid.measure.trained_cell import DoesNotApply
from dropgrid.models.lstm import TrainRows
from dropgrid.sites import drops
from dropgrid.tasks.classification import accuracy, nll


def masked(cell, index):
    """Logits of pass `index`, site by site and batch by batch."""
    net, test, size = copy.deepcopy(cell.network), cell.splits.test, cell.config["data"]["eval_batch_size"]
    seed, logits = streams.key(cell.seed, "monte_carlo", index), []
    learner = cell.learner(net, 0)
    for number, images in enumerate(test.images.split(size)):
        for name, drop in drops(net).items():
            drop.inference = True
            drop.advance_hashed(drop.full_level, streams.key(seed, "inference", number, name))
        with torch.no_grad():
            logits.append(learner(images))
    return torch.cat(logits).double()


@pytest.mark.parametrize("regularizer", ["dropblock", "dropout"])
def test_it_averages_probabilities_over_passes_each_with_its_own_masks(make_cell, regularizer):
    cell = make_cell(f"regularizer={regularizer}", "regularizer.keep_prob=0.6", "data.eval_batch_size=25", "seed=7")
    found, targets = monte_carlo(cell, passes=[1, 3]), cell.splits.test.labels
    one, two, three = (masked(cell, index) for index in range(3))
    assert not torch.equal(one, two)
    assert found["acc_1"].value == accuracy(one, targets)
    assert found["nll_1"].value == pytest.approx(nll(one, targets))
    mean = (one.softmax(1) + two.softmax(1) + three.softmax(1)) / 3
    assert found["acc_3"].value == accuracy(mean, targets)
    assert found["nll_3"].value == pytest.approx(float(-mean[range(len(targets)), targets].log().mean()))
    assert found["acc_deterministic"].value == accuracy(*cell.predict(cell.splits.test))


def test_a_pass_has_the_same_masks_whatever_else_is_asked_for(make_cell):
    cell = make_cell("regularizer=dropblock", "regularizer.keep_prob=0.6")
    state = torch.get_rng_state()
    assert monte_carlo(cell, passes=[2])["nll_2"] == monte_carlo(cell, passes=[4, 2])["nll_2"]
    assert torch.equal(state, torch.get_rng_state()) and not any(d.inference for d in drops(cell.network).values())


def test_averaging_helps_the_likelihood(make_cell):
    """Jensen: -log of a mean is at most the mean of -log."""
    cell = make_cell("regularizer=dropblock", "regularizer.keep_prob=0.6")
    each = [nll(masked(cell, index), cell.splits.test.labels) for index in range(4)]
    assert monte_carlo(cell, passes=[4])["nll_4"].value <= sum(each) / 4


def test_deterministic_is_without_masks_even_where_the_cell_has_them_at_inference(make_cell):
    on, off = (make_cell("regularizer=dropblock", f"regularizer.inference={each}") for each in ("true", "false"))
    names = ("acc_deterministic", "nll_deterministic", "nll_1")
    assert [monte_carlo(on, passes=[1])[n] for n in names] == [monte_carlo(off, passes=[1])[n] for n in names]


def test_it_does_not_apply_where_nothing_drops(make_cell):
    with pytest.raises(DoesNotApply, match="nothing drops"):
        monte_carlo(make_cell(), passes=[1])
    with pytest.raises(DoesNotApply, match="nothing drops"):
        monte_carlo(replace(make_cell(), network=TrainRows(6, 9, 12)), passes=[1])


@pytest.mark.parametrize("passes", [[], [0], [1.5], [True]])
def test_passes_are_counts(make_cell, passes):
    with pytest.raises(ValueError, match="passes (lists whole numbers, 1 or more|takes a list)"):
        monte_carlo(make_cell("regularizer=dropblock"), passes=passes)
