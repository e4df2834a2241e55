"""Variances of mini-batch gradients against the formula of sampling without replacement, on gradients by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from dropgrid.data.stratified import stratified
from dropgrid.measure.evaluations.gradient_variance import gradient_variance
from dropgrid.measure.trained_cell import DoesNotApply
from dropgrid.sites import drops


def linear(make_cell, *overrides):
    """A cell whose network is softmax regression, on 64 tiny images; its weights are not trained."""
    cell = make_cell("data.size=6", "data.classes=3", *overrides)
    generator, inputs = torch.Generator().manual_seed(0), 3 * 6 * 6
    network = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 3))
    with torch.no_grad():
        for each in network.parameters():
            each.copy_(0.1 * torch.randn(each.shape, generator=generator))
    return replace(cell, network=network.eval())


def by_hand(cell):
    """Of each training image the gradient of softmax regression, (softmax(Wx + b) - onehot(y)) xᵀ: (N, parameters)."""
    images, labels = cell.splits.train.images, cell.splits.train.labels
    mean, std = cell.splits.mean.view(-1, 1, 1).double(), cell.splits.std.view(-1, 1, 1).double()
    x = ((images.double() / 255 - mean) / std).flatten(1)
    fc = cell.network[1]
    z = x @ fc.weight.detach().double().T + fc.bias.detach().double()
    error = z.softmax(1) - functional.one_hot(labels, z.shape[1])
    return torch.cat([(error[:, :, None] * x[:, None]).flatten(1), error], dim=1)


def arguments_of(arguments, **changes):
    return {**arguments("gradient_variance"), **changes}


def test_it_is_the_formula_of_sampling_without_replacement(make_cell, arguments):
    cell = linear(make_cell)
    each = by_hand(cell)
    whole, count = each.mean(0), len(each)
    spread = (each - whole).square().sum() / (count - 1)
    sizes, draws = [1, 2, 8, 32, 48, 64], 200
    measures, arrays = gradient_variance(cell, **arguments_of(arguments, sizes=sizes, draws=draws))
    assert arrays["images"] == count == 64 and arrays["squares"].shape == (6, draws)
    assert arrays["norm"] == pytest.approx(float(whole.norm()), rel=1e-5)
    for size, found in zip(sizes, arrays["squares"], strict=True):
        expected = float(spread / size * (1 - size / count))
        assert found.mean() == pytest.approx(expected, abs=1e-9 + 4.5 * found.std() / draws**0.5)
        assert found.std() < 2 * found.mean() + 1e-9, "the tolerance above says something"
        relative = measures[f"variance_{size}"].value
        assert relative == pytest.approx(found.mean() / float(whole.square().sum()), rel=1e-4)
    values = [measures[f"variance_{size}"].value for size in sizes]
    assert values == sorted(values, reverse=True) and values[-1] < 1e-9 * values[0]


def test_a_batch_of_one_is_the_gradient_of_one_image(make_cell, arguments):
    cell = linear(make_cell)
    each = by_hand(cell)
    possible = (each - each.mean(0)).square().sum(1)
    _, arrays = gradient_variance(cell, **arguments_of(arguments, sizes=[1]))
    nearest = [float((possible - value).abs().min() / value) for value in arrays["squares"][0]]
    assert max(nearest) < 1e-4


def test_images_are_so_many_of_the_training_set_each_class_its_share(make_cell, arguments):
    cell = linear(make_cell)
    rows = stratified(cell.splits.train.labels.numpy(), 0)[:30]
    assert (np.bincount(cell.splits.train.labels[torch.from_numpy(rows)]) == 10).all()
    measures, arrays = gradient_variance(cell, **arguments_of(arguments, sizes=[1, 30, 31], images=30))
    assert arrays["images"] == 30 and arrays["sizes"].tolist() == [1, 30]
    assert arrays["norm"] == pytest.approx(float(by_hand(cell)[torch.from_numpy(rows)].mean(0).norm()), rel=1e-5)
    assert {name for name in measures if name.startswith("variance")} == {"variance_1", "variance_30"}


def test_the_sizes_of_the_yaml_fall_and_have_the_names_that_a_figure_over_levels_reads(make_cell, arguments):
    from dropgrid.reports.figures.levels import FEWEST, HEADING

    measures, arrays = gradient_variance(make_cell("data.train=130"), **arguments("gradient_variance"))
    levels = {name: each for name, each in measures.items() if name.startswith("variance_")}
    assert [*levels] == [f"variance_{size}" for size in (1, 2, 8, 32, 128)] and len(levels) >= FEWEST
    for name, each in levels.items():
        part = HEADING.fullmatch(each.label)
        assert part and part["what"] == "Gradient variance" and part["symbol"] == "B" and each.unit == "", name
    assert sorted(arrays["squares"].mean(1), reverse=True) == arrays["squares"].mean(1).tolist()


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_batch_of_all_images_is_the_whole_even_under_a_norm(make_cell, arguments, norm):
    """In eval mode, without masks, the gradient is a mean over images however they are cut into batches."""
    drop = ("regularizer=dropblock", "regularizer.block_size=2", "regularizer.keep_prob=0.5")
    cell = make_cell(f"norm={norm}", "data.eval_batch_size=10", *drop, "regularizer.inference=true")
    measures, _ = gradient_variance(cell, **arguments_of(arguments, sizes=[1, 64], draws=2))
    assert measures["variance_64"].value < 1e-8 < measures["variance_1"].value
    assert all(drop.inference for drop in drops(cell.network).values())


def test_the_start_is_the_initial_network(make_cell, arguments):
    cell = make_cell()
    fresh, given = cell.initial(), arguments_of(arguments, sizes=[1, 2], draws=3)
    start = gradient_variance(cell, **{**given, "at": "start"})
    assert start.measures != gradient_variance(cell, **given).measures
    cell.network.load_state_dict(fresh.state_dict())
    assert start.measures == gradient_variance(cell, **given).measures


def test_nothing_of_the_cell_or_of_the_shared_randomness_changes(make_cell, arguments):
    cell = make_cell("regularizer=dropout", "norm=batch")
    before = {key: value.clone() for key, value in cell.network.state_dict().items()}
    state = torch.get_rng_state()
    gradient_variance(cell, **arguments_of(arguments, sizes=[1, 2], draws=2, at="start"))
    gradient_variance(cell, **arguments_of(arguments, sizes=[1, 2], draws=2))
    assert torch.equal(state, torch.get_rng_state()) and not cell.network.training
    assert all(torch.equal(value, before[key]) for key, value in cell.network.state_dict().items())
    assert all(each.grad is None for each in cell.network.parameters())


def test_a_size_has_the_same_batches_whatever_else_is_asked_for(make_cell, arguments):
    cell = linear(make_cell)
    found = [
        gradient_variance(cell, **arguments_of(arguments, sizes=sizes, draws=4)).measures["variance_8"]
        for sizes in ([8], [32, 8, 1])
    ]
    assert found[0] == found[1]


def test_it_does_not_apply_where_a_gradient_is_no_mean_or_nothing(make_cell, arguments):
    with pytest.raises(DoesNotApply, match="statistics from the batch"):
        gradient_variance(make_cell("norm=batch", "norm.statistics=batch"), **arguments("gradient_variance"))
    with pytest.raises(DoesNotApply, match="above the 64 training images"):
        gradient_variance(linear(make_cell), **arguments_of(arguments, sizes=[65]))
    dead = linear(make_cell)
    with torch.no_grad():
        dead.network[1].weight.fill_(float("inf"))
    with pytest.raises(DoesNotApply, match="the gradient's square is nan"):
        gradient_variance(dead, **arguments("gradient_variance"))


@pytest.mark.parametrize(
    "changes", [{"sizes": []}, {"sizes": [0]}, {"sizes": [1.5]}, {"draws": 0}, {"images": True}, {"at": "middle"}]
)
def test_arguments_that_cannot_be(make_cell, arguments, changes):
    with pytest.raises(ValueError, match="whole numbers|takes a list|at must be start or end"):
        gradient_variance(linear(make_cell), **arguments_of(arguments, **changes))
