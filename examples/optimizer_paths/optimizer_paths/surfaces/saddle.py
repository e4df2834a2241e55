"""A saddle point: a path that starts beside the ridge has to break the symmetry of y and -y."""

from torch import Tensor

from optimizer_paths.surface import Surface


def saddle(x: Tensor, y: Tensor) -> Tensor:
    """f = x² - y², without a minimum; its gradient is 0 at (0, 0) alone."""
    return x * x - y * y


def aside(x: Tensor, y: Tensor) -> Tensor:
    """How far from the ridge y = 0."""
    return y.abs()


SURFACE = Surface(
    title="A saddle point",
    formula="f = x² - y²",
    function=saddle,
    gauge=aside,
    gauged="|y|",
    minimum=None,
    window=(-1.25, 1.25, -0.3, 1.2),
    logarithmic=False,
    start=(1.0, 0.0),
    offset=1e-3,
    rate=0.01,
    steps=1500,
    goal=1.0,
    above=True,
)
