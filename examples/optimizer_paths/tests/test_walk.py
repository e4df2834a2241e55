"""Paths against the plain formulas, and how they end."""

import numpy as np
import pytest
from optimizer_paths.options import common, maker, needs_closure, nodes
from optimizer_paths.surface import surfaces
from optimizer_paths.walk import walks

SURFACES = surfaces()


@pytest.fixture(scope="module")
def options():
    return nodes()


def walked(surface, options, name, rate, steps, start=None, **changes):
    make = maker({**options[name], **changes}, rate)
    return walks(surface, start or surface.start, {name: (rate, make)}, steps)[name]


def gradient(x, y):
    return np.array([2 * x, -2 * y])


@pytest.mark.parametrize(("name", "beta", "ahead"), [("sgd", 0, 0), ("momentum", 0.9, 0), ("nesterov", 0.9, 1)])
def test_it_is_the_plain_formula(options, name, beta, ahead):
    walk = walked(SURFACES["saddle"], options, name, 0.01, 40, (1.0, 1e-3))
    at, velocity = np.array([1.0, 1e-3]), np.zeros(2)
    expected = [at]
    for _ in range(40):
        slope = gradient(*at)
        velocity = beta * velocity + slope
        at = at - 0.01 * (slope + beta * velocity if ahead else velocity)
        expected.append(at)
    np.testing.assert_allclose(walk.points, expected, rtol=1e-12)
    np.testing.assert_allclose(walk.losses, [x * x - y * y for x, y in expected], rtol=1e-12)


def test_those_walked_together_go_as_each_alone(options):
    surface = SURFACES["beale"]
    names = [name for name, node in options.items() if not needs_closure(node)]
    together = walks(surface, surface.start, {name: (0.01, maker(options[name], 0.01)) for name in names}, 30)
    for name in names:
        alone = walked(surface, options, name, 0.01, 30)
        assert together[name].stopped == alone.stopped
        np.testing.assert_allclose(together[name].points, alone.points, rtol=1e-9, err_msg=name)


def test_it_starts_where_it_is_told_in_float64_and_without_decay(options):
    for name, node in options.items():
        assert node.get("weight_decay", 0.0) == 0.0, name
    walk = walked(SURFACES["beale"], options, "adamw", 0.01, 2, (0.1, 0.2))
    assert walk.points.dtype == np.float64 and walk.points[0].tolist() == [0.1, 0.2] and walk.steps == 2


def test_it_arrives_where_it_comes_to_stay_and_not_where_it_passes(options):
    ravine = SURFACES["ravine"]
    walk = walked(ravine, options, "momentum", 0.01, 300)
    there = walk.gauges <= ravine.goal
    assert there[walk.arrived :].all() and not there[walk.arrived - 1]
    assert walked(ravine, options, "momentum", 0.01, walk.arrived - 1).arrived is None


def test_one_that_diverges_stops_and_says_when(options):
    surface = SURFACES["beale"]
    for name in ("momentum", "nesterov"):
        walk = walked(surface, options, name, 0.01, 100)
        assert walk.diverged and walk.stopped < 20 and np.isfinite(walk.points).all()
        assert not surface.inside(*walk.points[-1]) and all(surface.inside(*point) for point in walk.points[:-1])
    gone = walked(surface, options, "sgd", 1e300, 10)
    assert gone.diverged and np.isfinite(gone.points).all() and np.isfinite(gone.losses).all()


def test_what_asks_for_the_loss_again_is_told_apart(options):
    assert needs_closure(options["sam"]) and not needs_closure(options["adam"])


def test_the_common_rate_is_for_those_whose_paper_has_one():
    assert common("sgd", {"lr": 0.1}, 0.01) == 0.01 and common("adadelta", {"lr": 1.0}, 0.01) == 1.0


FACTS = [
    ("adadelta", 31, {"rho": 0.9}),
    ("nesterov", 67, {}),
    ("momentum", 72, {}),
    ("rmsprop", 72, {"alpha": 0.9}),
    ("sgd", 349, {}),
    ("adagrad", 1263, {}),
]


@pytest.mark.parametrize(("name", "steps", "changes"), FACTS)
def test_they_leave_the_saddle_after_the_steps_that_were_simulated(options, name, steps, changes):
    rate = common(name, {"lr": 1.0}, 0.01)
    walk = walked(SURFACES["saddle"], options, name, rate, steps, (1.0, 1e-3), **changes)
    assert abs(walk.points[-1, 1]) > 1 >= abs(walk.points[-2, 1])
