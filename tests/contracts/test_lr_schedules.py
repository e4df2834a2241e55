"""What every learning-rate schedule must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
import math
from pathlib import Path

import pytest
import yaml

from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "lr_schedule"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("lr_schedule", {**node, **changes}), node


def test_there_are_options():
    assert {"constant", "step", "cosine", "one_cycle", "plateau"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    schedule, node = option(name)
    parameters = inspect.signature(schedule.func).parameters
    given = ["step", "steps", "validated"][: 3 if getattr(schedule.func, "reads_validation", False) else 2]
    assert list(parameters)[: len(given)] == given
    own = {k: p for k, p in parameters.items() if k not in given}
    assert {k for k in node if not k.startswith("_")} == set(own)
    assert all(p.default is inspect.Parameter.empty for p in own.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.9])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_factors_are_finite_from_0_to_1_and_a_function_of_the_step(name, warmup, steps):
    schedule = option(name, warmup=warmup)[0]
    factors = [schedule(step, steps) for step in range(steps)]
    assert all(math.isfinite(factor) and 0 <= factor <= 1 for factor in factors)
    assert factors[0] > 0 and max(factors) > 0
    assert factors[::-1] == [schedule(step, steps) for step in reversed(range(steps))]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_optimizers_own_rate_is_the_highest_and_the_first_unless_a_start_is_given(name):
    schedule, node = option(name)
    factors = [schedule(step, 100) for step in range(100)]
    assert max(factors) == 1 and factors[0] == pytest.approx(node.get("start", 1))


@pytest.mark.parametrize("name", OPTIONS)
def test_warm_up_rises_linearly_from_its_first_step(name):
    schedule, node = option(name, warmup=0.2)
    top = node.get("start", 1)
    assert [schedule(step, 100) for step in range(20)] == pytest.approx([top * (step + 1) / 20 for step in range(20)])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("warmup", [-0.1, 1, "abc"])
def test_a_warm_up_outside_its_range_is_named(name, warmup):
    with pytest.raises(ValueError, match=rf"lr_schedule\.warmup .* got {warmup!r}"):
        option(name, warmup=warmup)[0](0, 100)
