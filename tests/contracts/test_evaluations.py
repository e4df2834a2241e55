"""What every evaluation must keep, whatever file it is in: run over each YAML of the axis."""

import inspect
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from trained_cells import make

from dropgrid.instantiate import instantiate
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conf" / "evaluate"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
COMMON = {"weights"}
NETS = {"columns": ["model=fractal"]}
"""Evaluations of one kind of network."""


@pytest.fixture
def make_cell(tmp_path):
    return partial(make, tmp_path)


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("evaluate", {k: v for k, v in node.items() if k not in COMMON}), node


def parts(found):
    """The measures, and the arrays of an evaluation that leaves some."""
    return found if isinstance(found, MeasureResult) else (found, {})


def test_there_are_options():
    wanted = {"cam", "corruption", "noise", "dropblock_inference", "monte_carlo", "calibration", "other_data"}
    assert wanted <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_one_name_across_conf_source_and_tests(name):
    assert option(name)[1]["_target_"] == f"dropgrid.measure.evaluations.{name}.{name}"
    assert (ROOT / "tests" / "measure" / "evaluations" / f"test_{name}.py").exists()


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature_and_their_defaults_live_in_the_yaml(name):
    function, node = option(name)
    signature = inspect.signature(function.func)
    assert {k for k in node if not k.startswith("_")} - COMMON == set(signature.parameters) - {"cell"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values())
    assert node["weights"] == "last"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "other_data"])
def test_it_measures_a_cell_the_same_each_time_and_leaves_it_and_the_shared_randomness_alone(name, make_cell):
    line = ["data.size=20", "regularizer=dropblock", "regularizer.block_size=2", *NETS.get(name, [])]
    function, cell = option(name)[0], make_cell(*line)
    before = {key: value.clone() for key, value in cell.network.state_dict().items()}
    state = torch.get_rng_state()
    (found, arrays), (again, others) = (parts(function(cell)) for _ in range(2))
    assert found and again == found and set(arrays) == set(others)
    assert all(np.array_equal(each, others[key]) and each.dtype != object for key, each in arrays.items())
    assert torch.equal(state, torch.get_rng_state()) and not cell.network.training
    assert all(torch.equal(value, before[key]) for key, value in cell.network.state_dict().items())
    for metric, each in found.items():
        assert isinstance(each, Measure) and isinstance(each.value, float) and math.isfinite(each.value), metric
        assert each.unit in ("%", "points", "nats", "") and each.label and (each.unit != "%" or 0 <= each.value <= 1)
    assert len({each.label for each in found.values()}) == len(found)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "other_data"])
def test_a_cell_without_regularizer_is_measured_or_it_does_not_apply(name, make_cell):
    try:
        assert parts(option(name)[0](make_cell()))[0]
    except DoesNotApply as reason:
        assert str(reason)
