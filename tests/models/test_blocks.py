import pytest
import torch
from torch import nn

from dropgrid.sites import AbstractDrop


def of_block(asked, name, block):
    """The sites of one block: name without the block's -> place."""
    return {s.name.removeprefix(f"{block}."): s.place for s in asked(name) if s.name.startswith(f"{block}.")}


def test_pad_shortcut_is_option_a(build):
    model = build("resnet20")
    skip = model.layer2[0].downsample
    x = torch.randn(2, 16, 8, 6)
    expected = torch.zeros(2, 32, 4, 3)
    for i in range(4):
        for j in range(3):
            expected[:, :16, i, j] = x[:, :, 2 * i, 2 * j]
    assert torch.equal(skip(x), expected)
    assert list(skip.parameters()) == []
    assert model.layer1[0].downsample is None


def test_projection_shortcut_can_be_chosen(build, millions):
    projected = build("resnet20", shortcut="projection")
    assert isinstance(projected.layer2[0].downsample[0], nn.Conv2d)
    # two projections, 16 -> 32 and 32 -> 64, each with a norm of two parameters a channel
    more = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert round((millions("resnet20", shortcut="projection") - millions("resnet20")) * 1e6) == more


def test_sites_of_a_bottleneck(asked):
    features = {"conv1": "conv", "conv2": "conv", "conv3": "conv", "skip": "skip", "branch": "branch"}
    weights = {f"conv{number}.weight": "weight" for number in (1, 2, 3)}
    assert of_block(asked, "resnet50", "layer3.1") == features | weights
    assert of_block(asked, "resnet50", "layer3.0") == features | weights | {"downsample.0.weight": "weight"}


def test_sites_of_a_basic_block(asked):
    features = {"conv1": "conv", "conv2": "conv", "skip": "skip", "branch": "branch"}
    weights = {"conv1.weight": "weight", "conv2.weight": "weight"}
    assert of_block(asked, "resnet20", "layer3.0") == features | weights
    assert of_block(asked, "resnet18", "layer3.0") == features | weights | {"downsample.0.weight": "weight"}


@pytest.mark.parametrize("name", ["resnet14", "resnet50"])
@pytest.mark.parametrize("where", ["conv1", "conv2", "conv3", "skip", "branch"])
def test_sites_stand_where_the_reference_has_them(asked, build, mark, shuffled_statistics, name, where):
    """Doubling a site's features is doubling what the paper applies DropBlock to, and nothing else."""
    block_name, size = "layer2.0", 8
    if name == "resnet14" and where == "conv3":
        assert where not in of_block(asked, name, block_name)
        return
    plain = shuffled_statistics(build(name)).eval()
    doubled = build(name, sites=[mark(f"{block_name}.{where}")]).eval()
    doubled.load_state_dict(plain.state_dict())
    a = plain.get_submodule(block_name)
    last = 2 if name == "resnet14" else 3
    x = torch.randn(2, a.conv1.in_channels, size, size)
    with torch.no_grad():
        y = x
        for number in range(1, last + 1):
            y = getattr(a, f"bn{number}")(getattr(a, f"conv{number}")(y))
            if number < last:
                y = y.relu()
            if where == f"conv{number}" or (where == "branch" and number == last):
                y = 2 * y
        skip = a.downsample(x) * (2 if where == "skip" else 1)
        assert torch.allclose(doubled.get_submodule(block_name)(x), (y + skip).relu(), atol=1e-5)
        assert not torch.allclose(a(x), (y + skip).relu(), atol=1e-3)


def test_branch_acts_after_the_conv_site(build):
    seen = []

    class Note(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, input):
            seen.append(self.name)
            return input

    model = build(
        "resnet14",
        sites=[lambda s: Note(s.name) if s.name.startswith("layer3.1") and s.place != "weight" else nn.Identity()],
    )
    model(torch.randn(2, 3, 16, 16))
    assert seen.index("layer3.1.conv2") + 1 == seen.index("layer3.1.branch")


def test_the_skip_site_acts_on_an_identity_shortcut_too(build, everywhere):
    model = build("resnet14", sites=[everywhere("skip")]).train()
    block = model.layer1[1]
    assert block.downsample is None and isinstance(block.drop_skip, AbstractDrop)
    model(torch.randn(2, 3, 16, 16))
    assert block.drop_skip.seen > 0


@pytest.mark.parametrize("name", ["resnet14", "resnet50"])
def test_zero_init_residual_makes_every_block_its_shortcut(build, name):
    model = build(name, zero_init_residual=True).eval()
    block = model.layer2[1]
    x = torch.rand(2, block.conv1.in_channels, 4, 4)
    assert torch.equal(block(x), x)
    assert not torch.equal(build(name).eval().layer2[1](x), x)
