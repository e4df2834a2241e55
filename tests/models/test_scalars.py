"""SkipInit and Fixup: learned scalars on residual branches."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from dropgrid.models.scalars import Scale, Shift
from dropgrid.norms.none import none

NETS = ["resnet14", "resnet50", "preact_resnet14", "preact_resnet50"]


def blocks(net):
    return [module for module in net.modules() if hasattr(module, "branch_layers")]


@pytest.fixture
def moved():
    """Every scalar at a number of its own."""

    def moved(net):
        generator = torch.Generator().manual_seed(1)
        for module in net.modules():
            if isinstance(module, Scale | Shift):
                for parameter in module.parameters():
                    nn.init.normal_(parameter, 0.5, 0.3, generator=generator)
        return net

    return moved


@pytest.mark.parametrize("name", NETS)
def test_by_default_there_are_none(build, name):
    with torch.device("meta"):
        assert not any(isinstance(module, Scale | Shift) for module in build(name).modules())


@pytest.mark.parametrize("name", NETS)
def test_skipinit_starts_every_block_as_its_shortcut_and_can_leave_it(build, name):
    net = build(name, norm=none, branch_scale="skipinit")
    found = blocks(net)
    scales = [module for module in net.modules() if isinstance(module, Scale)]
    assert len(scales) == len(found) == sum(isinstance(block.scale, Scale) for block in found)
    assert not any(isinstance(module, Shift) for module in net.modules())
    block = net.layer2[1]
    x = torch.rand(2, block.conv1.in_channels, 4, 4)
    assert torch.equal(block(x), x)
    net(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(float(scale.weight.grad.abs()) > 0 for scale in scales)
    nn.init.constant_(block.scale.weight, 0.5)
    assert not torch.equal(block(x), x)


def test_scalars_of_fixup_are_those_of_the_paper(build):
    """§3: in a block of m layers a bias before each convolution and activation, and one multiplier; before the
    classifier and the stem's activation a bias. All start at 0 and 1; no layer but the classifier has its own."""
    for name, layers in (("resnet14", 2), ("resnet50", 3), ("preact_resnet14", 2), ("preact_resnet50", 3)):
        net = build(name, norm=none, branch_scale="fixup", width=0.25)
        shifts = [module for module in net.modules() if isinstance(module, Shift)]
        # a pre-activation net's first activation is the stem's, and it has one after its last block
        assert len(shifts) == 2 * layers * len(blocks(net)) + 2
        assert all(torch.equal(shift.bias, torch.zeros(1)) for shift in shifts)
        assert all(torch.equal(block.scale.weight, torch.ones(1)) for block in blocks(net))
        assert all(module.bias is None for module in net.modules() if isinstance(module, nn.Conv2d))
        assert net.fc.bias is not None


def conv(x, layer):
    return functional.conv2d(x, layer.weight, stride=layer.stride, padding=layer.padding)


@pytest.mark.parametrize("where", ["layer1.1", "layer2.0"])
def test_a_basic_block_of_fixup_is_the_released_code_s(build, moved, where):
    net = moved(build("resnet14", norm=none, branch_scale="fixup", shortcut="projection")).eval()
    block = net.get_submodule(where)
    x = torch.randn(2, block.conv1.in_channels, 8, 8)
    with torch.no_grad():
        biased = x + block.before1.bias
        y = (conv(biased, block.conv1) + block.after1.bias).relu()
        y = conv(y + block.before2.bias, block.conv2) * block.scale.weight + block.shift.bias
        skip = x if block.downsample is None else conv(biased, block.downsample[0])
        assert torch.allclose(block(x), (y + skip).relu(), atol=1e-6)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("branch_scale", ["skipinit", "fixup"])
def test_every_scalar_is_used(build, moved, name, branch_scale):
    net = moved(build(name, norm=none, branch_scale=branch_scale, width=0.25))
    net(torch.randn(2, 3, 32, 32)).sum().backward()
    scalars = [each for module in net.modules() if isinstance(module, Scale | Shift) for each in module.parameters()]
    assert scalars and all(each.grad is not None for each in scalars)
