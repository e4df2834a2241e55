"""Names that `contrasts` and `ensemble` still use."""

from dropgrid.plotting.value_axes import points_aside as aside
from dropgrid.plotting.value_axes import value_ticks as ticks

__all__ = ["aside", "ticks"]
