import pytest
import torch
import torchvision
from torch.nn import functional

from dropgrid.sites import drops


def test_names_and_logits_are_torchvisions(build, everywhere, shuffled_statistics):
    theirs = shuffled_statistics(torchvision.models.densenet121(weights=None, num_classes=7)).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs(images)
    for sites in ([], [everywhere("input", "conv", "head")]):
        with torch.device("meta"):
            ours = build("densenet121", classes=7, shape=(3, 64, 64), sites=sites).to_empty(device="cpu").eval()
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.load_state_dict(theirs.state_dict())
        assert len(drops(ours)) > 0 or not sites
        with torch.no_grad():
            assert torch.allclose(ours(images), expected, rtol=1e-5, atol=1e-6)


def test_parameter_counts_are_the_published_ones(millions):
    """Huang et al., Table 2, and torchvision's."""
    assert millions("densenet121", classes=1000, shape=(3, 224, 224)) == 7.978856
    assert round(millions("densenet40_12"), 1) == 1.0
    assert round(millions("densenet_bc100_12"), 1) == 0.8


def test_every_layer_adds_growth_channels_to_those_before_it_which_it_keeps(build):
    layer = build("densenet40_12").features.denseblock1.denselayer2.eval()
    x = torch.randn(2, 28, 6, 6)
    with torch.no_grad():
        output = layer(x)
        new = functional.conv2d(layer.norm1(x).relu(), layer.conv1.weight, padding=1)
    assert torch.equal(output[:, :28], x) and torch.allclose(output[:, 28:], new, atol=1e-6) and new.shape[1] == 12


@pytest.mark.parametrize(("name", "convolutions", "depth"), [("densenet40_12", 39, 40), ("densenet_bc100_12", 99, 100)])
def test_it_has_so_many_layers_each_with_a_site(asked, name, convolutions, depth):
    found = asked(name)
    assert sum(site.place == "weight" for site in found) == depth
    assert sum(site.place == "conv" for site in found) == convolutions - 1  # none after the stem
    transition = next(site for site in found if site.name == "features.transition1.conv")
    assert (transition.group, transition.block) == (1, found[0].blocks // 3)


def test_a_site_acts_on_the_new_channels_alone(build, mark):
    plain = build("densenet40_12").eval()
    name = "features.denseblock2.denselayer3"
    doubled = build("densenet40_12", sites=[mark(f"{name}.conv1")]).eval()
    doubled.load_state_dict(plain.state_dict())
    a, b = plain.get_submodule(name), doubled.get_submodule(name)
    inputs = a.conv1.in_channels
    x = torch.randn(2, inputs, 4, 4)
    with torch.no_grad():
        assert torch.equal(a(x)[:, :inputs], b(x)[:, :inputs])
        assert torch.equal(2 * a(x)[:, inputs:], b(x)[:, inputs:])


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("densenet121", {"shape": (3, 28, 28)}, r"model\.depths has 4 groups, for images of 29×29 or more"),
        ("densenet40_12", {"shape": (3, 3, 9)}, r"model\.depths has 3 groups, for images of 4×4 or more"),
        ("densenet40_12", {"compression": 0}, r"model\.compression must be a number in \(0, 1\], got 0"),
        ("densenet40_12", {"bottleneck": -1}, r"model\.bottleneck .* got -1"),
        ("densenet40_12", {"stem": "tiny"}, r"model\.stem must be imagenet or small, got 'tiny'"),
        ("densenet40_12", {"growth": 0}, r"model\.growth .* got 0"),
    ],
)
def test_bad_values_are_named(build, name, changes, message):
    with pytest.raises(ValueError, match=message):
        build(name, **changes)


@pytest.mark.parametrize(("name", "size"), [("densenet121", 29), ("densenet40_12", 4)])
def test_the_smallest_images_pass(build, name, size):
    with torch.device("meta"):
        assert build(name, shape=(3, size, size))(torch.zeros(2, 3, size, size)).shape == (2, 10)
