"""What every norm with a learned gain and shift refuses."""

import math


def check(eps: object, affine: object) -> None:
    """ValueError unless eps is a finite number above 0 and affine is a bool."""
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not 0 < eps < math.inf:
        raise ValueError(f"norm.eps must be a number above 0, got {eps!r}")
    if not isinstance(affine, bool):
        raise ValueError(f"norm.affine must be true or false, got {affine!r}")
