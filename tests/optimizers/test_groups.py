from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from dropgrid.learner import Learner
from dropgrid.models.scalars import scale, shift
from dropgrid.optimizers.groups import parameter_groups
from dropgrid.optimizers.sgd import sgd


def model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.GroupNorm(2, 4), nn.Linear(4, 2))


def names(network, group):
    return {name for name, p in network.named_parameters() if any(p is q for q in group["params"])}


def test_norms_and_biases_do_not_decay():
    network = model()
    decayed, others = parameter_groups(network, 0.1, False)
    assert names(network, decayed) == {"0.weight", "4.weight"} and decayed["weight_decay"] == 0.1
    assert names(network, others) == {"0.bias", "1.weight", "1.bias", "2.weight", "3.weight", "3.bias", "4.bias"}
    assert others["weight_decay"] == 0


def test_with_decay_all_everything_does():
    network = model()
    (group,) = parameter_groups(network, 0.1, True)
    assert names(network, group) == {name for name, _ in network.named_parameters()} and group["weight_decay"] == 0.1


def test_a_parametrized_weight_decays():
    network = nn.Sequential(nn.Linear(2, 2))
    parametrize.register_parametrization(network[0], "weight", nn.Tanh())
    decayed, _ = parameter_groups(network, 0.1, False)
    assert names(network, decayed) == {"0.parametrizations.weight.original"}


def test_frozen_and_shared_parameters_are_counted_right():
    network = model()
    network[0].weight.requires_grad_(False)
    network.append(network[4])
    groups = parameter_groups(network, 0.1, False)
    assert [len(group["params"]) for group in groups] == [1, 7]


@pytest.mark.parametrize("decay", [-1, "abc", float("nan"), float("inf"), True, None])
def test_a_decay_that_is_no_number_from_0_is_named(decay):
    with pytest.raises(ValueError, match=rf"optimizer\.weight_decay .* got {decay!r}"):
        parameter_groups(model(), decay, False)


def test_decay_all_is_a_bool():
    with pytest.raises(ValueError, match=r"optimizer\.decay_all must be true or false, got 'no'"):
        parameter_groups(model(), 0.1, "no")


def test_no_parameter_is_lost():
    network = model()
    for decay_all in (False, True):
        found = [p for group in parameter_groups(network, 0.1, decay_all) for p in group["params"]]
        assert len(found) == len(list(network.parameters()))
        assert all(isinstance(p, torch.nn.Parameter) for p in found)


def test_fixup_s_scalars_learn_at_a_tenth_of_the_rate_and_skipinit_s_do_not():
    network = nn.Sequential(shift("fixup"), nn.Linear(3, 3), scale("fixup"), scale("skipinit"))
    decayed, others, slow = parameter_groups(network, 0.1, False)
    assert names(network, decayed) == {"1.weight"} and names(network, others) == {"1.bias", "3.weight"}
    assert names(network, slow) == {"0.bias", "2.weight"} and slow["weight_decay"] == 0
    assert "lr_scale" not in decayed and slow["lr_scale"] == 0.1
    learner = SimpleNamespace(
        network=network, make_optimizer=lambda network: sgd(network, lr=0.5, weight_decay=0.1, decay_all=False)
    )
    groups = Learner.configure_optimizers(learner).param_groups
    assert [group["base_lr"] for group in groups] == [0.5, 0.5, 0.05]
