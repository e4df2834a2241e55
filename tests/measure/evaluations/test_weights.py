"""Norms, shares and effective learning rates against plain sums over the network's parameters."""

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis

from dropgrid.measure.evaluations.weights import before_a_norm, weights


def tensors(cell):
    """The weights of convolutions and linear layers: parameters of more than one dimension."""
    return {name.removesuffix(".weight"): p.detach() for name, p in cell.network.named_parameters() if p.dim() > 1}


def test_every_layer_is_measured_by_its_own_name(make_cell, arguments):
    cell = make_cell()
    _, arrays = weights(cell, **{**arguments("weights"), "near_zero": 0.05})
    assert arrays["layers"].tolist() == [*tensors(cell)]
    for index, each in enumerate(tensors(cell).values()):
        flat = each.double().numpy().ravel()
        assert arrays["norms"][index] == pytest.approx(np.sqrt(np.sum(flat**2)))
        assert arrays["rms"][index] == pytest.approx(np.sqrt(np.mean(flat**2)))
        assert arrays["near_zero"][index] == np.mean(np.abs(flat) < 0.05)


def test_measures_are_of_all_weights_together(make_cell, arguments):
    cell = make_cell()
    measures, arrays = weights(cell, **{**arguments("weights"), "near_zero": 0.05})
    flat = np.concatenate([each.double().numpy().ravel() for each in tensors(cell).values()])
    assert measures["norm"].value == pytest.approx(np.linalg.norm(flat))
    assert measures["near_zero"].value == np.mean(np.abs(flat) < 0.05) > 0
    assert measures["kurtosis"].value == pytest.approx(kurtosis(flat, fisher=False))
    rms = np.sqrt(np.mean(flat**2))
    assert arrays["edges"][[0, -1]] == pytest.approx([-20 * rms, 20 * rms])
    middle = len(arrays["counts"]) // 2
    assert arrays["edges"][middle] == pytest.approx(-arrays["edges"][middle + 1])
    inside = np.abs(flat) < arrays["edges"][middle + 1]
    assert arrays["counts"][middle] == inside.sum() and arrays["counts"].sum() <= len(flat)


@pytest.mark.parametrize("power", [1, 2])
def test_the_effective_learning_rate_is_of_layers_before_a_norm(make_cell, arguments, power):
    cell = make_cell("optimizer.lr=0.3")
    measures, arrays = weights(cell, **{**arguments("weights"), "power": power})
    own = {name: 0.3 / float(each.norm()) ** power for name, each in tensors(cell).items() if name != "fc"}
    assert measures["effective_lr"].value == pytest.approx(np.mean([*own.values()]))
    assert arrays["normed"].tolist() == [name != "fc" for name in tensors(cell)]
    assert arrays["effective"].tolist() == pytest.approx([own.get(name, 0) for name in tensors(cell)])
    assert ("²" in measures["effective_lr"].label) == (power == 2)


@pytest.mark.parametrize(
    "overrides",
    [
        ["norm=batch"],
        ["norm=batch", "norm.affine=false"],
        ["norm=group", "norm.groups=4"],
        ["norm=none"],
        [
            "model.shortcut=projection",
            "regularizer=dropblock",
            "regularizer.block_size=2",
            "regularizer.inference=true",
        ],
    ],
)
def test_a_layer_is_before_a_norm_exactly_where_its_length_leaves_the_network_as_it_is(make_cell, overrides):
    cell = make_cell(*overrides)
    found = before_a_norm(cell)
    network = cell.rebuilt({**cell.config, "regularizer": {"option": "none"}})
    images = cell.splits.test.images.float() / 255
    for name in tensors(cell):
        layer = network.get_submodule(name)
        network.train()  # a batch norm that normalizes
        with torch.no_grad():
            before = network(images)
            for parameter in layer.parameters():  # a bias, where there is one, scales along
                parameter.mul_(100)
            same = torch.allclose(before, network(images), rtol=0.05, atol=0.05 * float(before.abs().max()))
            for parameter in layer.parameters():
                parameter.div_(100)
        assert same == (name in found), name


def test_without_a_norm_or_a_learning_rate_there_is_no_effective_one(make_cell, arguments):
    found, arrays = weights(make_cell("norm=none"), **arguments("weights"))
    assert set(found) == {"norm", "near_zero", "kurtosis"} and not arrays["normed"].any()
    cell = make_cell()
    del cell.config["optimizer"]["lr"]
    found, arrays = weights(cell, **arguments("weights"))
    assert "effective_lr" not in found and arrays["normed"].any() and not arrays["effective"].any()


def test_a_network_of_zeros_has_what_can_be_said_of_it(make_cell, arguments):
    cell = make_cell()
    with torch.no_grad():
        for parameter in cell.network.parameters():
            parameter.zero_()
    found, arrays = weights(cell, **arguments("weights"))
    assert {name: each.value for name, each in found.items()} == {"norm": 0, "near_zero": 1}
    assert arrays["counts"].sum() == sum(each.numel() for each in tensors(cell).values())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"near_zero": 0}, "near_zero must be a number above 0, got 0"),
        ({"power": 3}, "power must be 1 or 2, got 3"),
        ({"power": True}, "power must be 1 or 2, got True"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make_cell, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        weights(make_cell(), **{**arguments("weights"), **changes})
