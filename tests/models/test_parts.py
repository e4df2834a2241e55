from functools import partial

import torch
from torch import nn

from dropgrid.norms.batch import batch
from dropgrid.norms.none import none
from dropgrid.sites import drops


def test_weight_site_is_a_parametrization_of_every_layer(asked, build, everywhere):
    plain = build("resnet14")
    model = build("resnet14", sites=[everywhere("weight")])
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            module, _, leaf = name.rpartition(".")
            owner = model.get_submodule(module)
            parametrized = leaf == "weight" and hasattr(owner, "parametrizations")
            (owner.parametrizations.weight.original if parametrized else getattr(owner, leaf)).copy_(parameter)
    assert set(drops(model)) == {site.name for site in asked("resnet14") if site.place == "weight"}
    layer = model.layer3[0].conv1
    assert torch.equal(layer.train().weight, layer.parametrizations.weight.original / 2)
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(model.eval()(images), plain.eval()(images))
    model.train()(images).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_building_draws_and_counts_no_mask(build, everywhere):
    model = build("resnet14", sites=[everywhere("input", "conv", "skip", "branch", "head", "weight")])
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


def test_convolutions_have_a_bias_exactly_without_an_affine_norm(build):
    for norm, biased in (
        (partial(batch, eps=1e-5, momentum=0.1, affine=True), False),
        (none, True),
        (partial(batch, eps=1e-5, momentum=0.1, affine=False), True),
    ):
        with torch.device("meta"):
            model = build("resnet50", norm=norm)
        convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        assert convs and all((conv.bias is not None) == biased for conv in convs)
