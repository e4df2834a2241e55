"""An ill-conditioned ravine: a hundred times as steep across as along."""

from torch import Tensor

from optimizer_paths.surface import Surface


def ravine(x: Tensor, y: Tensor) -> Tensor:
    """f = (x² + 100 y²) / 2: condition number 100; 0 at (0, 0). SGD converges at rates below 2/100."""
    return (x * x + 100 * y * y) / 2


SURFACE = Surface(
    title="An ill-conditioned ravine",
    formula="f = (x² + 100 y²) / 2",
    function=ravine,
    gauge=ravine,
    gauged="loss",
    minimum=(0.0, 0.0),
    window=(-4.4, 1.4, -0.8, 0.8),
    logarithmic=True,
    start=(-4.0, 0.5),
    offset=0.0,
    rate=0.0198,
    steps=500,
    goal=1e-3,
    above=False,
)
