"""What every augmentation must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "augment"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
GIVEN_BY_THE_LEARNER = {"images", "targets", "generator", "context"}


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("augment", node), node


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def context():
    """As the learner is to an augmentation: a small network in training, its loss, and how images were normalised."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(320, 6))
    colour = torch.tensor([0.3, 0.4, 0.5]).view(-1, 1, 1)
    network = nn.Sequential(*layers)
    return SimpleNamespace(network=network, loss=nn.CrossEntropyLoss(), mean=colour, std=colour / 2, classes=6)


def test_there_are_options():
    wanted = {"none", "crop_flip", "cutout", "random_erasing", "mixup", "cutmix", "autoaugment", "randaugment"}
    assert wanted | {"trivialaugment", "adversarial"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    augment, node = option(name)
    parameters = inspect.signature(augment.func).parameters
    assert list(parameters)[:2] == ["images", "targets"] and set(parameters) >= GIVEN_BY_THE_LEARNER
    own = {k: p for k, p in parameters.items() if k not in GIVEN_BY_THE_LEARNER}
    assert {k for k in node if not k.startswith("_")} == set(own)
    assert all(p.default is inspect.Parameter.empty for p in own.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shape_dtype_and_memory_format_are_kept(name, layout, dtype, context):
    images = torch.randn(6, 3, 12, 10).to(dtype).contiguous(memory_format=layout)
    targets = torch.arange(6)
    out, labels = option(name)[0](images, targets, generator=generator(), context=context)
    assert out.shape == images.shape and out.dtype == dtype and out.is_contiguous(memory_format=layout)
    assert len(labels) == 6 and (labels.dtype == torch.int64 or torch.allclose(labels.sum(1), torch.ones(6)))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_function_of_images_and_generator_alone(name, context):
    images, targets = torch.randn(6, 3, 12, 10), torch.arange(6)
    kept = images.clone()
    state, weights = torch.get_rng_state(), {k: v.clone() for k, v in context.network.state_dict().items()}
    one, again = (option(name)[0](images, targets, generator=generator(4), context=context) for _ in range(2))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1])
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, weights[key]) for key, value in context.network.state_dict().items())
    assert all(module.training for module in context.network.modules())
    assert all(each.grad is None for each in context.network.parameters())


@pytest.mark.parametrize("name", OPTIONS)
def test_it_stacks_on_class_probabilities(name, context):
    images, targets = torch.randn(6, 3, 12, 10), torch.full((6, 6), 1 / 6)
    out, labels = option(name)[0](images, targets, generator=generator(), context=context)
    assert out.shape == images.shape and torch.allclose(labels, targets)
