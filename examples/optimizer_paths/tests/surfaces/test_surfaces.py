"""Each surface's function against what defines it; a new file is a new surface."""

import pytest
import torch
from optimizer_paths.surface import surfaces

SURFACES = surfaces()
POINTS = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def at(function, points):
    return function(*points.unbind(1))


def test_there_are_three():
    assert {"beale", "ravine", "saddle"} <= set(SURFACES)


@pytest.mark.parametrize("name", SURFACES)
def test_its_gradient_is_that_of_finite_differences(name):
    surface = SURFACES[name]
    points = POINTS.clone().requires_grad_()
    at(surface.function, points).sum().backward()
    for axis in (0, 1):
        aside = torch.zeros(2, dtype=torch.float64)
        aside[axis] = 1e-6
        slope = (at(surface.function, POINTS + aside) - at(surface.function, POINTS - aside)) / 2e-6
        torch.testing.assert_close(points.grad[:, axis], slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in SURFACES if SURFACES[name].minimum])
def test_nothing_is_below_its_minimum_and_there_the_gradient_is_0(name):
    surface = SURFACES[name]
    lowest = torch.tensor([surface.minimum], dtype=torch.float64, requires_grad=True)
    value = at(surface.function, lowest)
    value.sum().backward()
    assert value.item() == pytest.approx(0, abs=1e-24) and lowest.grad.abs().max() < 1e-12
    assert (at(surface.function, POINTS) > 0).all()


@pytest.mark.parametrize("name", SURFACES)
def test_it_starts_and_ends_in_its_picture(name):
    surface = SURFACES[name]
    left, right, bottom, top = surface.window
    for x, y in filter(None, (surface.start, surface.minimum)):
        assert left < x < right and bottom < y < top
    assert not surface.inside(right + 10 * (right - left), top) and not surface.inside(float("nan"), top)


def test_beale_is_as_it_is_published():
    def slow(x, y):
        return sum((c - x * (1 - y**i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), start=1))

    expected = [slow(*point) for point in POINTS.tolist()]
    torch.testing.assert_close(at(SURFACES["beale"].function, POINTS), torch.tensor(expected, dtype=torch.float64))


def test_the_saddle_falls_to_both_sides_and_the_ravine_is_a_hundred_times_as_steep_across():
    ahead, aside = torch.tensor([[0.1, 0.0]]), torch.tensor([[0.0, 0.1]])
    saddle, ravine = SURFACES["saddle"].function, SURFACES["ravine"].function
    assert at(saddle, ahead) > 0 > at(saddle, aside) and at(saddle, aside) == at(saddle, -aside)
    assert at(ravine, aside).item() == pytest.approx(100 * at(ravine, ahead).item())
