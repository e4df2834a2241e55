"""Every statement on paths made by hand, both ways."""

import math

import numpy as np
import pytest
from optimizer_paths.options import maker, nodes
from optimizer_paths.paths import Paths
from optimizer_paths.statements import ADAPTIVE, PLAIN, SIMULATED, STATEMENTS, findings
from optimizer_paths.surface import surfaces
from optimizer_paths.walk import Walk, walks

SURFACES = surfaces()
OVERSHOOTS = [(1, 1.5), (3, 0.5), (4, 0.5), (4, 0.5), (3, 0.5)]
SOONER = [(1, 1.5), (3, 0.5), (4, 0.5), (3, 0.5), (3, 0.5)]
STRAIGHT = [(1, 1.5), (2, 1), (3, 0.5), (3, 0.5), (3, 0.5)]
ROUND = [(1, 1.5), (1, -3), (3, 0.5), (3, 0.5), (3, 0.5)]


def walk(points, rate=0.01, arrived=None, stopped=None):
    zeros = np.zeros(len(points))
    return Walk(rate, np.array(points, dtype=float), zeros, zeros, arrived, stopped)


def climbs(steps, total=1500):
    """Leaves the saddle after so many steps, evenly in the logarithm; None: stays at its offset."""
    up = 1e-3 * np.ones(total + 1)
    if steps is not None:
        up = 1e-3 * 1001 ** np.minimum(np.arange(total + 1) / steps, 1)
        up[steps] = 1.001
        up[:steps] = np.minimum(up[:steps], 1.0)
    return walk(np.stack([np.ones_like(up), up], axis=1))


def paths(surface, moved, still=None, **changes):
    one = SURFACES[surface]
    about = {"start": one.start, "offset": one.offset, "steps": 1500, "rate": 0.01, **changes}
    return Paths(one, about["start"], about["offset"], about["steps"], about["rate"], moved, still or moved)


def holds(surface, said, given):
    (found,) = (finding for statement, finding in findings(surface, given) if statement.said.startswith(said))
    assert found.reading
    return found.holds


def all_of(adaptive, plain):
    return {**dict.fromkeys(ADAPTIVE, adaptive), **dict.fromkeys(PLAIN, plain)}


def test_each_statement_says_how_it_is_told():
    assert len(STATEMENTS) == 12 and {each.surface for each in STATEMENTS} == {"beale", "ravine", "saddle"}
    assert all(each.means and each.judged_by.__doc__ for each in STATEMENTS)


def test_without_its_optimizers_nothing_is_judged():
    (found,) = (f for s, f in findings("ravine", paths("ravine", {"sgd": walk([(0, 1), (0, 0)])})))
    assert found.holds is None and found.reading == "without momentum"


@pytest.mark.parametrize(("momentum", "expected"), [([1, -0.5, 0], True), ([1, -1, 1, -1, 1, -1], False)])
def test_momentum_damps(momentum, expected):
    sgd = walk([(0, y) for y in (1, -1, 1, 0)])
    given = paths("ravine", {"sgd": sgd, "momentum": walk([(0, y) for y in momentum])})
    assert holds("ravine", "Momentum damps", given) is expected
    other = paths("ravine", {"sgd": sgd, "momentum": walk([(0, y) for y in momentum], rate=0.02)})
    assert holds("ravine", "Momentum damps", other) is None


@pytest.mark.parametrize(("rate", "expected"), [(0.0198, True), (0.0178, False)])
def test_in_the_ravine_momentum_damps_only_at_rates_close_to_where_sgd_diverges(rate, expected):
    """A step shrinks y by |1 - 100 lr| for SGD, and by √0.9 on average for momentum: less, until 100 lr > 1.949."""
    assert (abs(1 - 100 * rate) > math.sqrt(0.9)) is expected
    surface, options = SURFACES["ravine"], nodes()
    moved = walks(surface, surface.start, {n: (rate, maker(options[n], rate)) for n in ("sgd", "momentum")}, 500)
    assert holds("ravine", "Momentum damps", paths("ravine", moved)) is expected


def test_the_adaptive_head_straight():
    assert holds("beale", "The adaptive", paths("beale", all_of(walk(STRAIGHT), walk(ROUND)))) is True
    assert holds(
        "beale", "The adaptive", paths("beale", {**all_of(walk(STRAIGHT), walk(ROUND)), "adam": walk(ROUND)})
    ) is (False)
    gone = {**all_of(walk(STRAIGHT), walk(ROUND)), "adam": walk(STRAIGHT, stopped=5)}
    assert holds("beale", "The adaptive", paths("beale", gone)) is False


@pytest.mark.parametrize(
    ("momentum", "nag", "overshoot", "sooner"),
    [
        (OVERSHOOTS, SOONER, True, True),
        (SOONER, OVERSHOOTS, True, False),
        (OVERSHOOTS, STRAIGHT, False, True),
        (STRAIGHT, STRAIGHT, False, False),
    ],
)
def test_momentum_and_nag_overshoot_and_nag_corrects_sooner(momentum, nag, overshoot, sooner):
    given = paths("beale", {**all_of(walk(STRAIGHT), walk(momentum)), "nesterov": walk(nag)})
    assert holds("beale", "Momentum and NAG overshoot", given) is overshoot
    assert holds("beale", "NAG corrects", given) is sooner


def test_of_those_that_diverge_no_overshoot_is_judged():
    given = paths("beale", all_of(walk(STRAIGHT), walk(OVERSHOOTS, stopped=4)))
    assert holds("beale", "Momentum and NAG overshoot", given) is None
    assert holds("beale", "NAG corrects", given) is None


def test_both_diverge_from_the_stated_start_at_the_stated_rate():
    gone, stays = walk(OVERSHOOTS, stopped=4), walk(OVERSHOOTS)
    assert holds("beale", "From (1, 1.5)", paths("beale", all_of(stays, gone))) is True
    assert holds("beale", "From (1, 1.5)", paths("beale", all_of(stays, stays))) is False
    assert holds("beale", "From (1, 1.5)", paths("beale", all_of(stays, gone), start=(0.0, 0.0))) is None


def test_at_the_saddle_it_is_told_who_leaves_when():
    slow = paths("saddle", {**all_of(climbs(20), climbs(300)), "adadelta": climbs(15)})
    for said in ("SGD, momentum", "Momentum and NAG", "The adaptive methods leave at once", "Adadelta leaves"):
        assert holds("saddle", said, slow) is True, said
    assert holds("saddle", "The adaptive methods leave before", slow) is True
    quick = paths("saddle", {**all_of(climbs(300), climbs(20)), "momentum": climbs(None)})
    for said in ("SGD, momentum", "Momentum and NAG", "The adaptive methods leave at once", "Adadelta leaves"):
        assert holds("saddle", said, quick) is False, said
    assert holds("saddle", "The adaptive methods leave before", quick) is False


def test_one_that_leaves_with_another_is_not_first():
    assert holds("saddle", "Adadelta leaves", paths("saddle", all_of(climbs(20), climbs(300)))) is False


def test_nobody_leaves_from_the_ridge():
    moved, rest = all_of(climbs(20), climbs(300)), walk([(1, 0), (0, 0)])
    assert holds("saddle", "From offset 0", paths("saddle", moved, all_of(rest, rest))) is True
    assert holds("saddle", "From offset 0", paths("saddle", moved, all_of(rest, walk([(1, 0), (0, 1e-9)])))) is False
    assert holds("saddle", "From offset 0", paths("saddle", moved, start=(1.0, 0.5))) is None


def test_the_simulated_steps_are_compared_where_the_setting_is_theirs():
    said, exact = "At rate 0.01", {name: climbs(steps) for name, steps in SIMULATED.items()}
    every = {**all_of(climbs(20), climbs(300)), **exact}
    assert holds("saddle", said, paths("saddle", every)) is True
    assert holds("saddle", said, paths("saddle", {**every, "sgd": climbs(350)})) is False
    assert holds("saddle", said, paths("saddle", every, rate=0.02)) is None
