"""What every diagnostic must keep, whatever file it is in: run over each YAML of the group."""

import importlib
import inspect
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from trained_cells import make

from dropgrid.instantiate import instantiate
from dropgrid.measure.probe import COMMON, make_probe
from dropgrid.measure.snapshots import Snapshot
from dropgrid.measure.trained_cell import Measure, MeasureResult
from dropgrid.measure.training_setup import TrainingSetup
from dropgrid.plotting.style import png

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conf" / "diagnose"
EVERY = sorted(path.stem for path in FOLDER.glob("*.yaml"))
AHEAD = [name for name in EVERY if "images" not in yaml.safe_load((FOLDER / f"{name}.yaml").read_text())]
"""Those of a training before its first step; the others look at a network."""
OPTIONS = [name for name in EVERY if name not in AHEAD]
FAST = {
    "jacobian": {"exact": 1, "vectors": 1, "iterations": 8},
    "hessian": {"iterations": 4},
    "landscape": {"points": 3},
}
CELLS = {
    "batch": ["regularizer=dropblock", "regularizer.block_size=2", "regularizer.inference=true"],
    "none": ["norm=none", "activation=tanh"],
}


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("diagnose", {k: v for k, v in node.items() if k not in COMMON} | FAST.get(name, {})), node


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return {name: make(tmp_path_factory.mktemp(name), "data.size=16", *lines) for name, lines in CELLS.items()}


@pytest.fixture
def probes(cells):
    return {n: make_probe(c.learner(c.network, c.seed), c.splits.train, images=8, lr=0.1) for n, c in cells.items()}


def test_there_are_options():
    assert {"signal", "jacobian", "hessian", "weights_by_depth", "gradient", "landscape", "inputs"} <= set(OPTIONS)
    assert {"lr", "lr_find"} <= set(AHEAD)


@pytest.mark.parametrize("name", EVERY)
def test_one_name_across_conf_source_picture_and_tests(name):
    assert option(name)[1]["_target_"] == f"dropgrid.measure.diagnostics.{name}.{name}"
    assert callable(importlib.import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw)
    assert (ROOT / "tests" / "measure" / "diagnostics" / f"test_{name}.py").exists()


@pytest.mark.parametrize("name", EVERY)
def test_arguments_bind_to_the_signature_and_their_defaults_live_in_the_yaml(name):
    function, node = option(name)
    parameters = inspect.signature(function.func).parameters
    given, common = ("setup", ()) if name in AHEAD else ("probe", COMMON)
    assert next(iter(parameters)) == given
    assert {k for k in node if not k.startswith("_")} == {*common, *parameters} - {given}
    assert all(p.default is inspect.Parameter.empty for p in parameters.values())


@pytest.mark.parametrize("name", AHEAD)
def test_a_training_before_its_first_step_is_looked_at_and_drawn(name):
    def train(schedule, steps, watch):
        for step in range(steps):
            if watch(step, 2.0 - min(schedule(step, steps), 1.0) if step < steps - 5 else math.inf):
                return

    found = {f"{n}": option(name)[0](TrainingSetup(0.1, lambda step, n: 1 - step / n, n, train)) for n in (1, 40)}
    for each in found.values():
        assert each.measures and all(math.isfinite(measure.value) for measure in each.measures.values())
        assert len({measure.label for measure in each.measures.values()}) == len(each.measures)
    draw = importlib.import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw
    for labels in (["1"], ["40"], ["1", "40"]):
        figure = draw({label: [Snapshot(0, found[label].arrays)] for label in labels})
        assert figure is not None and png(figure, 40)[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("cell", [*CELLS])
def test_it_finds_the_same_each_time_and_leaves_network_and_shared_randomness_alone(name, cell, probes):
    looked, function = probes[cell], option(name)[0]
    network = looked.network
    before = {key: value.clone() for key, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    found, again = function(looked), function(looked)
    assert isinstance(found, MeasureResult) and found.measures and found.measures == again.measures
    assert set(found.arrays) == set(again.arrays)
    for key, each in found.arrays.items():
        assert each.dtype != object and np.array_equal(each, again.arrays[key], equal_nan=each.dtype.kind == "f")
    assert torch.equal(state, torch.get_rng_state()) and modes == [module.training for module in network.modules()]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    for metric, measure in found.measures.items():
        assert isinstance(measure, Measure) and isinstance(measure.value, float) and math.isfinite(measure.value), (
            metric
        )
        assert measure.unit in ("%", "nats", "") and measure.label and (measure.unit != "%" or 0 <= measure.value <= 1)
    assert len({each.label for each in found.measures.values()}) == len(found.measures)


@pytest.mark.parametrize("name", OPTIONS)
def test_one_configuration_several_and_several_moments_are_drawn(name, probes):
    draw, function = importlib.import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw, option(name)[0]
    found = {cell: function(looked).arrays for cell, looked in probes.items()}
    for results in (
        {"batch": [Snapshot(0, found["batch"])]},
        {cell: [Snapshot(0, arrays)] for cell, arrays in found.items()},
        {cell: [Snapshot(step, arrays) for step in (0, 10, 1000)] for cell, arrays in found.items()},
    ):
        figure = draw(results)
        assert figure is not None and png(figure, 40)[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", OPTIONS)
def test_a_network_that_has_diverged_is_drawn_or_says_what_is_wrong(name, cells):
    from dropgrid.measure.trained_cell import DoesNotApply

    cell = make(Path(cells["none"].local["paths"]["outputs"]), "data.size=16", "norm=none")
    with torch.no_grad():
        cell.network.fc.weight.fill_(float("inf"))
    looked = make_probe(cell.learner(cell.network, 0), cell.splits.train, images=8, lr=0.1)
    try:
        found = option(name)[0](looked)
    except DoesNotApply as reason:
        assert str(reason)
        return
    figure = importlib.import_module(f"dropgrid.measure.diagnostics.figure_{name}").draw(
        {"it": [Snapshot(0, found.arrays)]}
    )
    assert figure is None or png(figure, 40)
