from functools import partial

import pytest
import torch
from torch import nn

from dropgrid import streams
from dropgrid.initializers.lsuv import lsuv
from dropgrid.initializers.orthogonal import orthogonal

ARGUMENTS = {"tol": 0.01, "max_iterations": 10}


@pytest.fixture
def images():
    return torch.randn(32, 3, 16, 16)


def initialised(model, images, generator, **changes):
    lsuv(model, generator=generator, activation=nn.ReLU, batch=images, **ARGUMENTS | changes)
    return model


def variances(model, images):
    """Of each layer's output on a batch, norms acting as in training."""
    found = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda _, __, output: found.append(output.var(correction=0).item()))
    with torch.no_grad():
        model.train()(images)
    return found


@pytest.mark.parametrize("norm", ["none", "batch", "weight"])
@pytest.mark.parametrize("name", ["resnet20", "mlp"])
def test_every_layers_output_has_variance_1(build, images, generator, name, norm):
    found = variances(initialised(build(name, norm=norm), images, generator), images)
    assert len(found) == {"resnet20": 20, "mlp": 3}[name]
    assert all(value == pytest.approx(1, abs=0.01) for value in found)


def test_the_directions_are_orthogonals(build, images, generator):
    ours, plain = build("mlp", hidden=[30, 30]), build("mlp", hidden=[30, 30])
    initialised(ours, images, generator)
    orthogonal(plain, generator=generator, activation=nn.ReLU, gain=1.0)
    for name, weight in plain.named_parameters():
        if name.endswith("weight"):
            ratio = ours.get_parameter(name) / weight
            assert torch.allclose(ratio, ratio.mean().expand_as(ratio), rtol=1e-4) and ratio.mean() > 0
        else:
            assert not ours.get_parameter(name).any()


def test_what_is_within_the_tolerance_stays(build, generator, images):
    plain = build("mlp", hidden=[20])
    orthogonal(plain, generator=generator, activation=nn.ReLU, gain=1.0)
    ours = initialised(build("mlp", hidden=[20]), images, generator, tol=0.5)
    assert torch.equal(ours.layer1.linear.weight, plain.layer1.linear.weight)  # 1 ± 0.1 of unit inputs
    assert not torch.equal(ours.fc.weight, plain.fc.weight)


def test_buffers_modes_and_random_state_stay(build, images, generator):
    model = build("resnet20", norm="batch")
    model.layer2.eval()
    modes = [module.training for module in model.modules()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    before = torch.get_rng_state()
    initialised(model, images, generator)
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(one, other) for one, other in zip(model.buffers(), buffers, strict=True))
    assert not any(module._forward_hooks for module in model.modules())


def test_what_is_random_in_training_is_off(images, generator):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 50), nn.Dropout(0.9), nn.Linear(50, 5))
    initialised(model, images, generator)
    assert variances(model.eval(), images)[0] == pytest.approx(1, abs=0.01)
    with torch.no_grad():
        assert model.eval()(images).var(correction=0).item() == pytest.approx(1, abs=0.01)


def test_weights_are_a_function_of_seed_and_batch_and_later_layers_change_none_before(build, images, generator):
    short, again, long = (build("mlp", hidden=widths) for widths in ([20], [20], [20, 20]))
    for model in (short, again, long):
        initialised(model, images, generator)
    assert all(torch.equal(a, b) for a, b in zip(short.parameters(), again.parameters(), strict=True))
    assert torch.equal(short.layer1.linear.weight, long.layer1.linear.weight)
    other = initialised(build("mlp", hidden=[20]), images, partial(streams.generator, 4, "init"))
    assert not torch.equal(short.fc.weight, other.fc.weight)


def test_without_a_batch_it_says_so(build, generator):
    with pytest.raises(ValueError, match="init=lsuv needs a batch of images, and was given none"):
        initialised(build("mlp"), None, generator)


@pytest.mark.parametrize("shape", [None, (2, 3, 16, 16)])
def test_on_the_meta_device_nothing_is_computed(build, generator, shape):
    with torch.device("meta"):
        initialised(build("resnet20"), None if shape is None else torch.zeros(shape), generator)
        with pytest.raises(ValueError, match="init.tol"):
            initialised(build("resnet20"), None, generator, tol=0)


def test_an_output_that_does_not_vary_is_named(build, generator):
    with pytest.raises(ValueError, match="the output of layer1.linear has variance 0, which no factor makes 1"):
        initialised(build("mlp"), torch.zeros(4, 3, 16, 16), generator)
    with pytest.raises(ValueError, match="the output of layer1.linear has variance nan"):
        initialised(build("mlp"), torch.full((4, 3, 16, 16), float("nan")), generator)


def test_a_layer_that_undoes_the_scaling_is_named(build, images, generator):
    with pytest.raises(
        ValueError, match="the output of layer1.linear has variance .* after 10 iterations, not 1 ± 0.01"
    ):
        initialised(build("mlp", norm="spectral"), images * 3, generator)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tol": -1}, "init.tol must be a number above 0, got -1"),
        ({"max_iterations": 0}, "init.max_iterations must be a whole number, 1 or more, got 0"),
    ],
)
def test_values_outside_are_named(build, images, generator, changes, message):
    with pytest.raises(ValueError, match=message):
        initialised(build("mlp"), images, generator, **changes)
