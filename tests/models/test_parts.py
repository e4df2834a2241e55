import pytest
import torch
from torch import nn

from dropgrid.norms.none import none
from dropgrid.sites import AbstractRandom, drops


class Halved(AbstractRandom):
    """Stands in for what regularizes weights: half of them in training."""

    def forward(self, input, weight, bias, layer):
        self.count(0, 1)
        return layer(input, weight / 2 if self.training else weight, bias)

    def expected(self, shape, level):
        return level

    def variance(self, shape, level):
        return level


def halved(site):
    return Halved(0.5) if site.place == "weight" else nn.Identity()


def test_weight_sites_act_on_every_layer_and_the_state_dict_is_the_bare_network_s(asked, build):
    plain, model = build("resnet14"), build("resnet14", sites=[halved])
    model.load_state_dict(plain.state_dict())
    assert set(drops(model)) == {site.name for site in asked("resnet14") if site.place == "weight"}
    layer, x = model.layer3[0].conv1, torch.randn(2, 32, 8, 8)
    halves = nn.functional.conv2d(x, layer.weight / 2, stride=layer.stride, padding=1)
    assert torch.equal(layer.train()(x), halves)
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(model.eval()(images), plain.eval()(images))
    model.train()(images).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(each.seen > 0 for each in drops(model).values())


def test_two_regularizers_of_one_weight_are_refused(build):
    with pytest.raises(ValueError, match="at most one regularizer can act on the weight of conv1, got 2"):
        build("resnet14", sites=[halved, halved])


def test_building_draws_and_counts_no_mask(build, everywhere):
    model = build("resnet14", sites=[everywhere("input", "conv", "skip", "branch", "head"), halved])
    assert all(drop.seen == 0 and not drop.keyed for drop in drops(model).values())


def test_several_options_act_in_their_order_at_one_site(build, everywhere):
    model = build("resnet14", sites=[everywhere("conv"), everywhere("branch"), everywhere("conv")])
    assert [each.site for each in model.layer1[0].drop1] == ["layer1.0.conv1", "layer1.0.conv1#3"]


def test_every_conv_and_linear_has_a_weight_site_of_its_parameter_s_name(asked, build):
    with torch.device("meta"):
        expected = {
            f"{name}.weight"
            for name, module in build("resnet50").named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
    assert {site.name for site in asked("resnet50") if site.place == "weight"} == expected


def test_convolutions_have_a_bias_exactly_without_an_affine_norm(build, option):
    for norm, biased in (
        (option("norm", "batch"), False),
        (none, True),
        (option("norm", "batch", affine=False), True),
    ):
        with torch.device("meta"):
            model = build("resnet50", norm=norm)
        convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        assert convs and all((conv.bias is not None) == biased for conv in convs)
