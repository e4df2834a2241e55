"""What every task must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from dropgrid.data.source import Spec
from dropgrid.instantiate import instantiate, locate
from dropgrid.tasks.description import TRAINS_ITSELF
from dropgrid.tasks.objective import Objective
from dropgrid.tasks.own_training import AbstractOwnTraining
from dropgrid.tasks.task import Task

FOLDER = Path(__file__).parents[2] / "conf" / "task"
NODES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
OPTIONS = [name for name, node in NODES.items() if issubclass(locate("task", node["_target_"]), Task)]
OWN = [name for name in NODES if name not in OPTIONS]
SPEC = Spec(("cat", "dog", "owl"), 2, (6, 5), train=10, val=4, test=6)


def option(name):
    return instantiate("task", NODES[name]), NODES[name]


def stepped(task, images, *, train=True, seed=0):
    """The loss and outputs of the stand-in on two images, and their targets."""
    torch.manual_seed(seed)
    network, targets = task.stand_in(SPEC)
    loss, outputs = task.step(network.train(train), nn.CrossEntropyLoss(), images, targets)
    return network, loss, outputs, targets


@torch.inference_mode()
def predictions(task, images, seeds):
    """What is kept of a pass over two images by several stand-ins."""
    return task.collect([stepped(task, images, train=False, seed=seed)[2:] for seed in seeds])


OBJECTIVES = [name for name in OPTIONS if isinstance(option(name)[0], Objective)]


@pytest.fixture
def images():
    return torch.randn(2, SPEC.channels, *SPEC.size)


def test_there_are_options():
    assert {"classification"} <= set(OPTIONS) and OBJECTIVES
    assert {"function", "lightning"} <= set(OWN)
    assert {locate("task", NODES[name]["_target_"]).__name__ for name in OWN} == set(TRAINS_ITSELF)


@pytest.mark.parametrize("name", NODES)
def test_arguments_bind_to_the_signature(name):
    node = NODES[name]
    assert issubclass(locate("task", node["_target_"]), Task | AbstractOwnTraining)
    parameters = inspect.signature(locate("task", node["_target_"])).parameters
    assert {k for k in node if not k.startswith("_")} == set(parameters)
    assert all(p.default is inspect.Parameter.empty for p in parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
def test_headlines_are_measured(name):
    task, _ = option(name)
    assert task.description.quantity and task.description.unit and task.description.selected.startswith("val/")
    assert all(title for title in (*task.description.headlines.values(), *task.description.shown.values()))
    assert next(iter(task.description.headlines)).startswith("test/")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_gradient_reaches_the_network(name, images):
    network, loss, _, _ = stepped(option(name)[0], images)
    assert loss.shape == ()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_sums_start_at_nothing_are_added_in_place_and_become_the_numbers_that_are_shown(name, images):
    task, _ = option(name)
    sums = torch.zeros(task.sums(len(SPEC.classes)), dtype=torch.float64)
    assert task.means(sums.tolist()) == {}
    for train, phase in ((True, "train"), (False, "val")):
        sums.zero_()
        _, loss, outputs, targets = stepped(task, images, train=train)
        task.accumulate(sums, loss, outputs, targets)
        once = sums.clone()
        assert once.any() and not once.requires_grad
        task.accumulate(sums, loss, outputs, targets)
        assert torch.equal(sums, 2 * once)  # those of several processes are added
        means = task.means(once.tolist())
        assert means == pytest.approx(task.means(sums.tolist()))
        shown = {key.partition("/")[2] for key in task.description.shown if key.startswith(f"{phase}/")}
        assert shown <= means.keys()
    assert task.description.selected.partition("/")[2] in means


@pytest.mark.parametrize("name", OBJECTIVES)
def test_accumulating_reads_nothing_off_the_device(name, images):
    """On the meta device there are no values to wait for."""
    task, _ = option(name)
    with torch.device("meta"):
        _, loss, outputs, targets = stepped(task, images.to("meta"))
        task.accumulate(torch.zeros(task.sums(len(SPEC.classes)), dtype=torch.float64), loss, outputs, targets)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_predictions_become_metrics_and_arrays(name, images):
    task, _ = option(name)
    train, last, best = (predictions(task, images, range(first, first + 3)) for first in (0, 10, 20))
    metrics = task.measure(train, last, best)
    assert all(isinstance(value, float) for value in metrics.values())
    phases = {f"{task.description.selected}_last", f"{task.description.selected}_best"}
    assert task.description.headlines.keys() <= metrics.keys() | phases
    assert metrics[next(iter(task.description.headlines))] == task.headline_value(last)
    assert not task.diverged(last)
    arrays = task.arrays(last, best)
    assert len(arrays["targets"]) == 6 and all(isinstance(each, np.ndarray) for each in arrays.values())
    assert task.prediction_bytes(SPEC) >= sum(each.nbytes for each in arrays.values())
