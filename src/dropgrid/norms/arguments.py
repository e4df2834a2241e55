"""What norms refuse."""

import math


def check(eps: object, affine: object) -> None:
    """ValueError unless eps is a finite number above 0 and affine is a bool."""
    if not is_number(eps) or not 0 < eps < math.inf:  # type: ignore[operator]
        raise ValueError(f"norm.eps must be a number above 0, got {eps!r}")
    check_flag("affine", affine)


def check_momentum(momentum: object) -> None:
    """ValueError unless it is a number in (0, 1]."""
    if not is_number(momentum) or not 0 < momentum <= 1:  # type: ignore[operator]
        raise ValueError(f"norm.momentum must be a number in (0, 1], got {momentum!r}")


def check_flag(name: str, value: object) -> None:
    """ValueError unless it is a bool."""
    if not isinstance(value, bool):
        raise ValueError(f"norm.{name} must be true or false, got {value!r}")


def check_start(name: str, value: object, unlearned: float, affine: bool) -> None:
    """ValueError unless it is a finite number, and where nothing is learned the one that does nothing."""
    if not is_number(value) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f"norm.{name} must be a number, got {value!r}")
    if not affine and value != unlearned:
        raise ValueError(f"norm.{name} must be {unlearned:g} where norm.affine=false learns none, got {value!r}")


def is_number(value: object) -> bool:
    """Whether it is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)
