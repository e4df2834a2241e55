"""Checks of arguments: each returns the value, or raises one line with the key, what is allowed and what was given.

Components raise ValueError, the default; commands and plans pass `error=UserError`. Keys are as users write them:
`optimizer.lr`, `sweep.jobs`.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any, TypeGuard

Error = type[Exception]


def is_number(value: object) -> TypeGuard[int | float]:
    """Predicate: an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> TypeGuard[int]:
    """Predicate: an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float = math.inf,
    most: float | None = None,
    what: str = "a number",
    also: str = "",
    error: Error = ValueError,
) -> float:
    """Return a finite number within bounds.

    Args:
        name: the key in the message.
        value: an int or a float; a bool is none.
        above, least: lower bound, open or closed.
        below, most: upper bound, open or closed; `most=math.inf` allows infinity.
        what: how the message calls the value, such as `a number of points`.
        also: a further value that the message offers; the caller has accepted it before.
        error: the class that is raised.
    """
    high_enough = is_number(value) and (value > open_low(above) if least is None else value >= least)
    if not high_enough or not (value < below if most is None else value <= most):
        allowed = bounded(what, above, least, below, most) + (also and f", or {also}")
        raise error(f"{name} must be {allowed}, got {value!r}")
    found: float = value
    return found


def bounded(what: str, above: float | None, least: float | None, below: float, most: float | None) -> str:
    """Return the words for a number within bounds: `a number in (0, 1]`."""
    upper = below if most is None else most
    if upper < math.inf:
        lower = f"({open_low(above):g}" if least is None else f"[{least:g}"
        return f"{what} in {lower}, {upper:g}{')' if most is None else ']'}"
    if least is not None:
        return f"{what}, {least:g} or more"
    return what if above is None else f"{what} above {above:g}"


def open_low(above: float | None) -> float:
    """Return the open lower bound: minus infinity if there is none."""
    return -math.inf if above is None else above


def pair(name: str, values: Any, *, least: float, below: float, error: Error = ValueError) -> tuple[float, float]:
    """Return two numbers, each in [least, below)."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise error(f"{name} must list {bounded('two numbers', None, least, below, None)}, got {values!r}")
    first, second = (number(name, value, least=least, below=below, error=error) for value in values)
    return first, second


def whole_number(
    name: str,
    value: Any,
    least: int | None = None,
    most: int | None = None,
    *,
    what: str = "a whole number",
    also: str = "",
    error: Error = ValueError,
) -> int:
    """Return an int from `least` to `most`; None is no bound. `what`, `also` and `error` are those of `number`."""
    whole = is_whole_number(value)
    if not whole or (least is not None and value < least) or (most is not None and value > most):
        bounds = "" if least is None else f", {least} or more" if most is None else f" from {least} to {most}"
        raise error(f"{name} must be {what}{bounds}{also and f', or {also}'}, got {value!r}")
    found: int = value
    return found


def whole_numbers(name: str, values: Any, least: int = 1, *, error: Error = ValueError) -> Sequence[int]:
    """Return a list of ints of at least `least`, one or more."""
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise error(f"{name} must list whole numbers, got {values!r}")
    for value in values:
        whole_number(name, value, least, error=error)
    return values


def boolean(name: str, value: Any, *, error: Error = ValueError) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise error(f"{name} must be true or false, got {value!r}")
    return value


def one_of(name: str, value: Any, allowed: Collection[Any], *, error: Error = ValueError) -> Any:
    """Return one of the allowed values."""
    if isinstance(value, bool) or value not in [*allowed]:
        *others, last = map(str, allowed)
        words = f"{', '.join(others)} or {last}" if others else last
        raise error(f"{name} must be {words}, got {value!r}")
    return value
