"""Variance shift against the variances of what reaches each norm, and where the theory says what it is."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.evaluations.variance_shift import input_variances, variance_ratio, variance_shift
from dropgrid.measure.trained_cell import DoesNotApply

DROPOUT = ("regularizer=dropout", "regularizer.keep_prob=0.5", "regularizer.groups=null")


def norms(cell):
    return [name for name, each in cell.network.named_modules() if isinstance(each, nn.BatchNorm2d)]


def arriving(cell, name, split):
    """What reaches a module, (N, C, H, W), as the network stands."""
    seen = []
    hook = cell.network.get_submodule(name).register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    cell.predict(getattr(cell.splits, split))
    hook.remove()
    return torch.cat(seen).double().numpy()


@pytest.mark.parametrize("split", ["test", "train"])
def test_a_variance_is_that_over_all_images_and_places_of_a_channel(make_cell, split):
    cell = make_cell("data.eval_batch_size=7")
    found = input_variances(cell, norms(cell), split, masks=False)
    for name in ("bn1", "layer2.0.bn2", "layer3.1.bn1"):
        assert found[name].numpy() == pytest.approx(arriving(cell, name, split).var((0, 2, 3)))


def test_the_ratio_is_the_larger_by_the_smaller_and_eps_stands_beside_both():
    one, other = torch.tensor([4.0, 1.0, 0.0]), torch.tensor([2.0, 3.0, 0.0])
    assert variance_ratio(one, other, 0.5) == pytest.approx((4.5 / 2.5 + 3.5 / 1.5 + 1) / 3)
    assert variance_ratio(one, other, 0.5) == variance_ratio(other, one, 0.5) and variance_ratio(one, one, 1e-5) == 1


def test_masks_are_against_the_same_pass_without_them(make_cell, arguments):
    cell = make_cell(*DROPOUT, "data.eval_batch_size=7")
    measures, arrays = variance_shift(cell, **arguments("variance_shift"))
    assert sorted(arrays["layers"]) == sorted(norms(cell))
    on = make_cell(*DROPOUT, "regularizer.inference=true", "data.eval_batch_size=7")
    for place, name in enumerate(arrays["layers"]):
        with_masks, without = (arriving(each, name, "test").var((0, 2, 3)) + 1e-5 for each in (on, cell))
        expected = np.maximum(with_masks / without, without / with_masks).mean()
        assert arrays["masks"][place] == pytest.approx(expected), name
    assert measures["masks"].value == pytest.approx(arrays["masks"].mean())
    assert measures["masks_max"].value == arrays["masks"].max() > 1.05


def test_before_the_first_mask_there_is_no_shift_and_after_the_last_norm_there_is_none_at_all(make_cell, arguments):
    cell = make_cell(*DROPOUT, "regularizer.groups=[-1]")
    arrays = variance_shift(cell, **arguments("variance_shift")).arrays
    earlier = np.array([not name.startswith("layer3") for name in arrays["layers"]])
    assert (arrays["masks"][earlier] == 1).all()
    touched = ~np.isin(arrays["layers"], ["layer3.0.bn1"]) & ~earlier
    assert (arrays["masks"][touched] > 1).all()
    head = make_cell(*DROPOUT[:2], "regularizer.place=head")
    assert (variance_shift(head, **arguments("variance_shift")).arrays["masks"] == 1).all()


def test_dropout_on_inputs_of_mean_m_multiplies_second_moments_by_one_over_keep():
    """Var(x · mask / q) = (Var x + m²) / q - m²: the paper's equation for what a mask adds."""
    from dropgrid.regularizers.dropout import Dropout

    drop, norm = Dropout(0.5, inference=True), nn.BatchNorm1d(3)
    features = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 1.0, 2.0])
    drop.advance(0.5, 1)
    masked = drop(features).double().var(0, correction=0)
    plain = features.double().var(0, correction=0)
    second = plain + features.double().mean(0).square()
    expected = ((second / 0.5 - features.double().mean(0).square()) / plain).mean()
    assert variance_ratio(masked, plain, norm.eps) == pytest.approx(float(expected), rel=0.01)


def test_the_stored_variance_is_the_norm_s_own(make_cell, arguments):
    cell = make_cell()
    found = input_variances(cell, norms(cell), "test", masks=False)
    for name in norms(cell):
        cell.network.get_submodule(name).running_var.copy_(found[name])
    again = input_variances(cell, norms(cell), "test", masks=False)  # later norms see other features now
    measures, arrays = variance_shift(cell, **arguments("variance_shift"))
    assert arrays["stored"][0] == pytest.approx(1, abs=1e-6)
    for name, value in zip(arrays["layers"], arrays["stored"], strict=True):
        kept = cell.network.get_submodule(name).running_var
        assert value == pytest.approx(variance_ratio(kept, again[name], 1e-5)), name
    assert measures["stored"].value == pytest.approx(arrays["stored"].mean())
    assert measures["stored_max"].value == arrays["stored"].max()


def test_a_cell_that_drops_nothing_has_the_stored_shift_alone(make_cell, arguments):
    measures, arrays = variance_shift(make_cell(), **arguments("variance_shift"))
    assert set(measures) == {"stored", "stored_max"} and set(arrays) == {"layers", "stored"}


def test_without_a_batch_norm_there_is_nothing_to_measure(make_cell, arguments):
    for norm in ("none", "group"):
        with pytest.raises(DoesNotApply, match="no batch norm in this network"):
            variance_shift(
                make_cell(f"norm={norm}", *(["norm.groups=4"] * (norm == "group"))), **arguments("variance_shift")
            )


def test_without_masks_and_moving_variances_there_is_nothing_either(make_cell, arguments):
    cell = make_cell()
    for module in cell.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    with pytest.raises(DoesNotApply, match="keeps no moving variance"):
        variance_shift(cell, **arguments("variance_shift"))


def test_another_split_is_refused(make_cell):
    with pytest.raises(ValueError, match="split must be train or test, got 'val'"):
        variance_shift(make_cell(), split="val")
