"""Beale's function: flat valleys, and walls that rise with the sixth power (Beale, 1958; Moré, Garbow, Hillstrom,
ACM TOMS 1981, problem 5)."""

from torch import Tensor

from optimizer_paths.surface import Surface


def beale(x: Tensor, y: Tensor) -> Tensor:
    """f = Σᵢ (cᵢ - x + x yⁱ)², i = 1…3, c = (1.5, 2.25, 2.625); 0 at (3, 0.5), and nowhere else."""
    first = 1.5 - x + x * y
    second = 2.25 - x + x * y * y
    third = 2.625 - x + x * y * y * y
    return first * first + second * second + third * third


SURFACE = Surface(
    title="Beale's function",
    formula="f = (1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
    function=beale,
    gauge=beale,
    gauged="loss",
    minimum=(3.0, 0.5),
    window=(-1.0, 4.5, -2.0, 2.0),
    logarithmic=True,
    start=(1.0, 1.5),
    offset=0.0,
    rate=0.01,
    steps=2000,
    goal=1e-3,
    above=False,
)
