"""What every loss must keep: run over each YAML of the axis."""

import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate, locate

FOLDER = Path(__file__).parents[2] / "conf" / "loss"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("loss", node), node


def test_there_are_options():
    assert {"cross_entropy", "label_smoothing"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    loss, node = option(name)
    arguments = {k: v for k, v in node.items() if not k.startswith("_")}
    inspect.signature(locate("loss", node["_target_"])).bind(**arguments)
    assert isinstance(loss, nn.Module)


@pytest.mark.parametrize("name", OPTIONS)
def test_indices_and_their_probabilities_are_the_same_targets(name):
    loss, logits, targets = option(name)[0], torch.randn(8, 5), torch.randint(5, (8,))
    of_indices, of_probabilities = loss(logits, targets), loss(logits, nn.functional.one_hot(targets, 5).float())
    assert of_indices.shape == () and torch.isfinite(of_indices)
    assert torch.allclose(of_indices, of_probabilities)


@pytest.mark.parametrize("name", OPTIONS)
def test_mixed_targets_have_the_mixed_loss(name):
    """So that mixup means the same under every loss."""
    loss, logits, a, b = option(name)[0], torch.randn(8, 5), torch.randint(5, (8,)), torch.randint(5, (8,))
    mixed = 0.3 * nn.functional.one_hot(a, 5) + 0.7 * nn.functional.one_hot(b, 5)
    assert torch.allclose(loss(logits, mixed), 0.3 * loss(logits, a) + 0.7 * loss(logits, b))


@pytest.mark.parametrize("name", OPTIONS)
def test_gradient_flows_and_the_right_answer_costs_less(name):
    loss, targets = option(name)[0], torch.randint(5, (8,))
    logits = torch.zeros(8, 5, requires_grad=True)
    loss(logits, targets).backward()
    assert (logits.grad.gather(1, targets[:, None]) < 0).all()
    right = 2.0 * nn.functional.one_hot(targets, 5)
    assert loss(right, targets) < loss(-right, targets)


@pytest.mark.parametrize(("name", "smoothing"), [("cross_entropy", 0.0), ("label_smoothing", 0.1)])
def test_it_is_the_formula_in_nats(name, smoothing):
    logits, targets = torch.randn(8, 5), torch.randint(5, (8,))
    smooth = (1 - smoothing) * nn.functional.one_hot(targets, 5) + smoothing / 5
    expected = -(smooth * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean()
    assert torch.allclose(option(name)[0](logits, targets), expected)
