"""What every optimizer must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
import io
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "optimizer"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("optimizer", {**node, **changes}), node


def network():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))


def step(optimizer, gradients):
    """A step of any optimizer: one may ask for the gradients more than once."""
    gradients()
    optimizer.step(gradients)


def test_there_are_options():
    assert {"sgd", "momentum", "nesterov", "adam", "adamw"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    build, node = option(name)
    signature = inspect.signature(build.func)
    assert {k for k in node if not k.startswith("_")} == set(signature.parameters) - {"model"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
def test_two_steps_lower_a_quadratic_loss(name):
    model = nn.Linear(3, 2).double()
    optimizer = option(name)[0](model)
    assert isinstance(optimizer, torch.optim.Optimizer)
    x = torch.randn(16, 3, dtype=torch.float64)

    def loss():
        return (model(x) - 1).square().mean()

    before = loss()
    for _ in range(2):  # soap's first step only sets its bases
        step(optimizer, lambda: optimizer.zero_grad() or loss().backward())
    assert loss() < before


@pytest.mark.parametrize("name", OPTIONS)
def test_every_parameter_is_in_one_group(name):
    model = network()
    found = [p for group in option(name)[0](model).param_groups for p in group["params"]]
    assert sorted(map(id, found)) == sorted(map(id, model.parameters()))


def walk(model, optimizer, steps):
    """Take steps at gradients that are functions of the step's number."""
    for number in steps:

        def gradients(number=number):
            generator = torch.Generator().manual_seed(number)
            for p in model.parameters():
                p.grad = torch.randn(p.shape, generator=generator).to(p)

        step(optimizer, gradients)


@pytest.mark.parametrize("name", [name for name in OPTIONS if "weight_decay" in option(name)[1]])
@pytest.mark.parametrize("decay_all", [False, True])
def test_decay_acts_on_weights_and_elsewhere_only_if_asked(name, decay_all):
    plain, decayed = network(), network()
    nn.init.ones_(plain[1].bias)
    decayed.load_state_dict(plain.state_dict())
    for model, weight_decay in ((plain, 0.0), (decayed, 0.5)):
        walk(model.double(), option(name, weight_decay=weight_decay, decay_all=decay_all)[0](model), range(3))
    pairs = zip(plain.named_parameters(), decayed.parameters(), strict=True)
    changed = {key for (key, p), q in pairs if not torch.equal(p, q)}
    assert changed == (set(dict(plain.named_parameters())) if decay_all else {"0.weight", "3.weight"})


@pytest.mark.parametrize("name", OPTIONS)
def test_a_saved_state_goes_on_with_equal_bits(name):
    model, other = network(), network()
    optimizer = option(name)[0](model)
    walk(model, optimizer, range(13))
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    walk(model, optimizer, range(13, 26))
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    other.load_state_dict(weights)
    resumed = option(name)[0](other)
    resumed.load_state_dict(state)
    walk(other, resumed, range(13, 26))
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))
    assert all(not torch.equal(p, weights[key]) for key, p in model.named_parameters())


@pytest.mark.parametrize("name", OPTIONS)
def test_at_a_rate_of_0_nothing_moves(name):
    model = nn.Linear(3, 2)
    optimizer = option(name)[0](model)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = [p.detach().clone() for p in model.parameters()]
    x = torch.randn(4, 3)
    for _ in range(2):
        step(optimizer, lambda: optimizer.zero_grad() or model(x).sum().backward())
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("lr", [0, -0.1, "abc", None])
def test_a_learning_rate_not_above_0_is_named(name, lr):
    with pytest.raises(ValueError, match=rf"optimizer\.lr .* got {lr!r}"):
        option(name, lr=lr)[0](network())


@pytest.mark.parametrize("name", OPTIONS)
def test_it_takes_a_model_on_the_meta_device(name):
    with torch.device("meta"):
        assert option(name)[0](network()).param_groups
