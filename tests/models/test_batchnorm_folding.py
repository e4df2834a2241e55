import pytest
import torch
from option_nodes import option_node
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.models.batchnorm_folding import fold_batchnorm
from dropgrid.models.layers import Conv2d
from dropgrid.norms.switchable import SwitchableNorm

SIZE = (3, 16, 16)


def option(axis, name, **changes):
    return instantiate(axis, option_node(axis, name) | changes)


def build(model, sites=(), **norm):
    """A network of the config in float64."""
    parts = {"norm": option("norm", "batch", **norm), "activation": nn.ReLU, "sites": sites}
    return lived(option("model", model)(shape=SIZE, classes=10, **parts))


def lived(network):
    """In eval mode and float64, with anything for weights and statistics of norms."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            if module.running_mean is not None:
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.1, 3)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return network.double().eval()


def norms(network):
    return [name for name, each in network.named_modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


def same(network, other, size=SIZE):
    images = torch.randn(4, *size, dtype=torch.float64)
    with torch.no_grad():
        return torch.allclose(network(images), other(images), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("changes", [{}, {"affine": False}, {"detach": True}, {"sync": True}])
@pytest.mark.parametrize("model", ["resnet20", "mlp", "cifar_quick"])
def test_no_norm_is_left_and_the_outputs_are_the_same(model, changes):
    network = build(model, **changes)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    copied = fold_batchnorm(network, SIZE)
    assert norms(network) and not norms(copied) and not copied.training
    assert network.training and all(torch.equal(v, before[name]) for name, v in network.state_dict().items())
    assert same(network.eval(), copied)
    assert not any("running" in name for name in copied.state_dict())


def test_sites_stay_and_do_nothing():
    every = {"keep_prob": 0.7, "block_size": 3, "groups": None, "inference": True}
    network = build("resnet20", sites=[option("regularizer", "dropblock", **every)])
    copied = fold_batchnorm(network, SIZE)
    assert not norms(copied)
    assert [n for n, m in copied.named_modules() if type(m).__name__ == "DropBlock2d"] != []


def test_norms_without_statistics_of_their_own_stay():
    network = build("resnet20", statistics="batch")
    copied = fold_batchnorm(network, SIZE)
    assert norms(copied) == norms(network) and same(network, copied)


class Net(nn.Module):
    """A convolution and a norm, put together by a function of both."""

    def __init__(self, together, norm=None):
        super().__init__()
        self.conv, self.norm = Conv2d(3, 3, 3, padding=1), norm or nn.BatchNorm2d(3)
        self.together = together

    def forward(self, input):
        return self.together(self, input)


@pytest.mark.parametrize(
    "together",
    [
        lambda net, input: (lambda features: net.norm(features) + features)(net.conv(input)),
        lambda net, input: (lambda features: net.norm(features) + features.flatten(1)[:, :1, None, None])(
            net.conv(input)
        ),
        lambda net, input: net.norm(net.conv(net.conv(input))),
        lambda net, input: net.norm(net.conv(net.norm(input))),
        lambda net, input: net.norm(net.conv(input).relu()),
        lambda net, input: net.conv(net.norm(input)),
    ],
)
def test_a_norm_stays_where_folding_would_change_the_function(together):
    network = lived(Net(together))
    copied = fold_batchnorm(network, SIZE)
    assert norms(copied) == ["norm"] and same(network, copied)


def test_a_switchable_norm_stays():
    norm = SwitchableNorm(3, eps=1e-5, momentum=0.1, affine=True, linear=False)
    network = lived(Net(lambda net, input: net.norm(net.conv(input)), norm))
    copied = fold_batchnorm(network, SIZE)
    assert norms(copied) == ["norm"] and same(network, copied)


def test_what_does_nothing_may_stand_between():
    network = lived(Net(lambda net, input: net.norm(nn.Identity()(net.conv(input)))))
    copied = fold_batchnorm(network, SIZE)
    assert norms(copied) == [] and same(network, copied)
