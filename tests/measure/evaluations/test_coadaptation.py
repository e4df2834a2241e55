"""Statistics of hidden units against plain loops, and the units against hooks on the network."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.evaluations.coadaptation import (
    activation_layer,
    coadaptation,
    collect_activations,
    effective_rank,
    first_filters,
    mean_correlation,
    sample_places,
    unit_correlations,
)
from dropgrid.measure.trained_cell import DoesNotApply
from dropgrid.models.trace import trace_calls

SMALL = ("data.eval_batch_size=7",)


def reached(cell):
    return trace_calls(cell.network, (cell.spec.channels, *cell.spec.size))


def outputs(cell, name):
    """What leaves a module, image by image of the test set."""
    seen = []
    hook = cell.network.get_submodule(name).register_forward_hook(lambda _, __, output: seen.append(output.clone()))
    cell.predict(cell.splits.test)
    hook.remove()
    return torch.cat(seen)


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_correlations_are_pearson_s_of_the_units_that_vary():
    units = normal(500, 6)
    units[:, 1] = 3 - 2 * units[:, 0]
    units[:, 4] = 0.7
    found = unit_correlations(units)
    assert found.numpy() == pytest.approx(np.corrcoef(units.numpy()[:, [0, 1, 2, 3, 5]], rowvar=False), abs=1e-6)
    assert float(found[0, 1]) == pytest.approx(-1)


def test_the_mean_is_over_pairs_of_different_units_whatever_their_sign():
    matrix = torch.tensor([[1, -0.5, 0.2], [-0.5, 1, 0.1], [0.2, 0.1, 1]])
    assert mean_correlation(matrix) == pytest.approx((0.5 + 0.2 + 0.1) / 3)


def test_the_effective_rank_is_one_of_copies_and_the_count_of_uncorrelated_units():
    assert effective_rank(torch.ones(5, 5).double()) == pytest.approx(1)
    assert effective_rank(torch.eye(7).double()) == pytest.approx(7)
    pairs = torch.block_diag(*3 * [torch.ones(2, 2)]).double()
    assert effective_rank(pairs) == pytest.approx(3)
    shares = np.array([1.4, 0.6]) / 2
    assert effective_rank(torch.tensor([[1.0, 0.4], [0.4, 1.0]]).double()) == pytest.approx(
        np.exp(-np.sum(shares * np.log(shares)))
    )


def test_the_layers_are_the_first_and_last_of_the_config_s_activation(make_cell):
    for activation in ("relu", "tanh"):
        cell = make_cell(f"activation={activation}")
        names = [activation_layer(cell, reached(cell), layer).name for layer in ("first", "last")]
        assert names == ["act1", "layer3.1.act2"]


def test_units_of_a_map_are_its_channels_at_drawn_places_of_every_image(make_cell):
    cell = make_cell(*SMALL)
    found = collect_activations(cell, activation_layer(cell, reached(cell), "first"), 60 * 5, 3)
    whole = outputs(cell, "act1").flatten(2)  # (60, C, 36)
    at = sample_places(60, 36, 5, 3)
    slow = [whole[image, :, place] for image in range(60) for place in at[image]]
    assert torch.equal(found, torch.stack(slow)) and 0 <= at.min() and at.max() < 36
    assert torch.equal(at, sample_places(60, 36, 5, 3)) and not torch.equal(at, sample_places(60, 36, 5, 4))


def test_all_places_are_taken_where_they_fit_and_fewer_images_where_not_even_they_do(make_cell):
    cell = make_cell(*SMALL)
    chosen = activation_layer(cell, reached(cell), "last")
    whole = outputs(cell, "layer3.1.act2").flatten(2)
    assert torch.equal(collect_activations(cell, chosen, 10**6, 0), whole.transpose(1, 2).flatten(0, 1))
    few = collect_activations(cell, chosen, 30, 0)
    assert len(few) == 30 and all(any(torch.equal(one, cell) for cell in whole[6].T) for one in few[3:4])


def test_masks_that_the_cell_has_at_inference_are_off(make_cell, arguments):
    cell = make_cell("regularizer=dropblock", "regularizer.block_size=2", "regularizer.inference=true")
    plain = make_cell()
    plain.network.load_state_dict(cell.network.state_dict())
    given = {**arguments("coadaptation"), "layer": "last"}
    assert coadaptation(cell, **given).measures == coadaptation(plain, **given).measures


@pytest.mark.parametrize(("activation", "threshold"), [("relu", 0), ("relu", 0.2), ("sigmoid", 0.3)])
def test_measures_are_those_of_plain_loops(make_cell, arguments, activation, threshold):
    cell = make_cell(f"activation={activation}")
    measures, arrays = coadaptation(cell, **{**arguments("coadaptation"), "threshold": threshold, "examples": 10**6})
    units = outputs(cell, "act1").transpose(0, 1).flatten(1).double().numpy()
    off = [np.mean(np.abs(unit) <= np.float32(threshold) * np.abs(unit).max()) for unit in units]
    assert measures["sparsity"].value == pytest.approx(np.mean(off), abs=1e-4)
    assert measures["activation"].value == pytest.approx(units.mean())
    pairs = [abs(np.corrcoef(a, b)[0, 1]) for i, a in enumerate(units) for b in units[:i]]
    assert measures["correlation"].value == pytest.approx(np.mean(pairs))
    assert 1 <= measures["effective_rank"].value <= len(units) and measures["constant"].value == 0
    assert arrays["means"] == pytest.approx(units.mean(1))
    assert arrays["counts"].sum() == units.size and arrays["edges"][-1] == pytest.approx(units.max())
    assert 0 < measures["sparsity"].value < 1


def test_units_that_never_vary_are_counted_and_kept_out_of_the_correlation(make_cell, arguments):
    cell = make_cell()
    plain = coadaptation(cell, **arguments("coadaptation")).measures
    with torch.no_grad():
        cell.network.bn1.weight[0] = 0
        cell.network.bn1.bias[0] = -1  # 0 after the activation
    found = coadaptation(cell, **arguments("coadaptation")).measures
    units = cell.network.conv1.out_channels
    assert plain["constant"].value == 0 and found["constant"].value == pytest.approx(1 / units)
    assert found["sparsity"].value > plain["sparsity"].value
    with torch.no_grad():
        cell.network.bn1.weight.zero_()
    assert not {"correlation", "effective_rank"} & set(coadaptation(cell, **arguments("coadaptation")).measures)


def test_filters_are_the_first_layer_s_weights_of_evenly_spaced_units(make_cell):
    cell = make_cell()
    weight = cell.network.conv1.weight.detach().numpy()
    assert np.array_equal(first_filters(cell, reached(cell), 99), weight)
    assert np.array_equal(first_filters(cell, reached(cell), 2), weight[[0, len(weight) // 2]])


def test_what_was_learned_is_what_training_added_to_the_initial_weights(make_cell, arguments):
    cell = make_cell()
    with torch.no_grad():
        cell.network.conv1.weight += 0.25
    arrays = coadaptation(cell, **arguments("coadaptation")).arrays
    assert arrays["learned"] == pytest.approx(np.full_like(arrays["filters"], 0.25), abs=1e-6)


def flat(cell, inputs):
    """The cell with a fully connected network on part of the image's pixels."""
    layers = nn.Sequential(nn.Flatten(), nn.Linear(432, 6), nn.ReLU(), nn.Linear(6, 10))
    if inputs != 432:
        layers = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 6), nn.ReLU(), nn.Linear(6, 10))
    object.__setattr__(cell, "network", layers.eval())
    object.__setattr__(cell, "initial", lambda: layers)
    return cell


def test_a_fully_connected_layer_s_weights_are_images_where_it_sees_all_of_one(make_cell, arguments):
    cell = flat(make_cell(), 432)
    measures, arrays = coadaptation(cell, **arguments("coadaptation"))
    weight = cell.network[1].weight.detach()
    assert np.array_equal(arrays["filters"], weight.view(6, 3, 12, 12).numpy())
    assert len(arrays["means"]) == 6 and arrays["counts"].sum() == 60 * 6 and measures["sparsity"].value > 0
    pixels = (
        cell.splits.test.images[3]
        .float()
        .div(255)
        .sub(cell.splits.mean.view(-1, 1, 1))
        .div(cell.splits.std.view(-1, 1, 1))
    )
    units = collect_activations(cell, activation_layer(cell, reached(cell), "last"), 60, 0)
    assert units[3].numpy() == pytest.approx((weight @ pixels.flatten() + cell.network[1].bias).relu().detach().numpy())
    assert "filters" not in coadaptation(flat(make_cell(), 108), **arguments("coadaptation")).arrays


def test_a_network_without_that_activation_or_with_one_that_is_called_twice_is_refused(make_cell, arguments):
    cell = make_cell("activation=tanh")
    object.__setattr__(cell, "network", flat(make_cell(), 432).network)
    with pytest.raises(DoesNotApply, match="no layer of this network is its activation Tanh"):
        coadaptation(cell, **arguments("coadaptation"))
    shared = nn.ReLU()
    layers = nn.Sequential(nn.Flatten(), nn.Linear(432, 6), shared, nn.Linear(6, 6), shared, nn.Linear(6, 10))
    object.__setattr__(cell := make_cell(), "network", layers.eval())
    with pytest.raises(DoesNotApply, match="more than one output an image"):
        coadaptation(cell, **arguments("coadaptation"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layer": "second"}, "layer must be first or last, got 'second'"),
        ({"threshold": 1}, r"threshold must be a number in \[0, 1\), got 1"),
        ({"examples": 1}, "examples must be a whole number, 2 or more, got 1"),
        ({"filters": 2.5}, "filters must be a whole number, 2 or more, got 2.5"),
        ({"seed": None}, "seed must be a whole number, got None"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make_cell, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        coadaptation(make_cell(), **{**arguments("coadaptation"), **changes})
