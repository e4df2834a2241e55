import pytest
import torch
from torch import nn

from dropgrid.norms.none import none


def test_parameters_are_those_of_caffe_s_cifar10_quick(millions):
    assert millions("cifar_quick", norm=none) == pytest.approx(0.145578)


def test_maps_are_halved_three_times(build):
    with torch.device("meta"):
        net = build("cifar_quick")
        found = []
        for group in (1, 2, 3):
            net.get_submodule(f"layer{group}").register_forward_hook(lambda _, __, output: found.append(output.shape))
        net(torch.zeros(2, 3, 32, 32))
    assert [tuple(shape) for shape in found] == [(2, 32, 16, 16), (2, 32, 8, 8), (2, 64, 4, 4)]


@pytest.mark.parametrize("size", [12, 17, 28, 31, 33, 64])
def test_images_of_other_sizes(build, size):
    assert build("cifar_quick", shape=(1, size, size + 3)).eval()(torch.randn(2, 1, size, size + 3)).shape == (2, 10)


def test_images_too_small_to_pool_are_refused(build):
    with pytest.raises(ValueError, match="needs images of"):
        build("cifar_quick", shape=(1, 11, 40))


def test_kinds_of_pooling(build):
    net = build("cifar_quick")
    assert [type(net.get_submodule(f"layer{i}").pool) for i in (1, 2, 3)] == [nn.MaxPool2d, nn.AvgPool2d, nn.AvgPool2d]


def test_widths_are_three(build):
    with pytest.raises(ValueError, match="three convolutions"):
        build("cifar_quick", widths=[8, 8])


def test_post_norm_and_norm_head(build):
    """The norm after each activation, and one after the classifier; biases exactly where no norm follows at once."""
    net = build("cifar_quick", post_norm=True, norm_head=True, shape=(3, 16, 16))
    assert net.layer1.conv.bias is not None and net.layer4.linear.bias is not None and net.fc.bias is None
    x = torch.randn(4, 3, 16, 16)
    seen = nn.functional.conv2d(x, net.layer1.conv.weight, net.layer1.conv.bias, padding=2).relu()
    mean, var = seen.mean((0, 2, 3), keepdim=True), seen.var((0, 2, 3), correction=0, keepdim=True)
    expected = nn.functional.max_pool2d((seen - mean) / (var + 1e-5).sqrt(), 3, 2, ceil_mode=True)
    assert torch.allclose(net.layer1(x), expected, atol=1e-5)
    logits = net(x)
    assert torch.allclose(logits.mean(0), torch.zeros(10), atol=1e-5)
