import pytest
import torch
import torchvision
from torch import nn

from dropgrid.sites import drops


def test_names_and_logits_are_torchvisions(build, everywhere, shuffled_statistics):
    theirs = shuffled_statistics(torchvision.models.efficientnet_b0(weights=None, num_classes=7)).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs(images)
    for sites in ([], [everywhere("input", "conv", "skip", "branch", "head")]):
        with torch.device("meta"):
            ours = build("efficientnet_b0", classes=7, activation=nn.SiLU, sites=sites).to_empty(device="cpu").eval()
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.load_state_dict(theirs.state_dict())
        assert len(drops(ours)) > 0 or not sites
        with torch.no_grad():
            assert torch.allclose(ours(images), expected, rtol=1e-4, atol=1e-6)


def test_parameter_count_is_torchvisions(millions):
    assert millions("efficientnet_b0", classes=1000) == 5.288548


def test_branches_and_dropout_stand_where_torchvision_has_stochastic_depth_and_dropout(asked):
    theirs = torchvision.models.efficientnet_b0(weights=None)
    residual = {
        name
        for name, module in theirs.named_modules()
        if isinstance(module, torchvision.models.efficientnet.MBConv) and module.use_res_connect
    }
    found = asked("efficientnet_b0")
    assert {site.name for site in found if site.place == "branch"} == {f"{name}.branch" for name in residual}
    assert {site.name for site in found if site.place == "skip"} == {f"{name}.skip" for name in residual}
    assert [site.name for site in found if site.place == "head"] == ["head"]
    assert isinstance(theirs.classifier[0], nn.Dropout)


@pytest.mark.parametrize(("where", "of"), [("branch", 1), ("skip", 0)])
def test_doubling_a_site_doubles_its_term_of_the_sum(build, mark, shuffled_statistics, where, of):
    plain = shuffled_statistics(build("efficientnet_b0")).eval()
    doubled = build("efficientnet_b0", sites=[mark(f"features.3.1.{where}")]).eval()
    doubled.load_state_dict(plain.state_dict())
    x = torch.randn(2, 40, 8, 8)
    with torch.no_grad():
        terms = [x, plain.features[3][1].block(x)]
        terms[of] = 2 * terms[of]
        assert torch.allclose(doubled.features[3][1](x), terms[0] + terms[1], atol=1e-5)


def test_only_residual_blocks_name_their_branch_s_convolutions(build):
    with torch.device("meta"):
        net = build("efficientnet_b0")
    found = [module for module in net.modules() if hasattr(module, "branch_layers")]
    assert len(found) == 9 and all(module.residual for module in found)
    for block in found:
        kernels = [block.get_submodule(layer).kernel_size[0] for layer in block.branch_layers]
        assert len(kernels) == 3 and kernels[0] == kernels[2] == 1 < kernels[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": [1, 2]}, r"model\.depths needs one number for each of 7 groups, got \[1, 2\]"),
        ({"kernels": [3, 3, 4, 3, 5, 5, 3]}, r"model\.kernels must be odd"),
        ({"head_width": 0}, r"model\.head_width .* got 0"),
    ],
)
def test_bad_values_are_named(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("efficientnet_b0", **changes)
