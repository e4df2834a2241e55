"""The keys in which two configs differ."""

from collections.abc import Mapping
from typing import Any

NAMED = 6
"""How many keys an error names; the rest it counts."""


class Missing:
    """What a config lacks and another has."""

    def __repr__(self) -> str:
        return "absent"


MISSING = Missing()


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return dotted key -> both values, of the keys in which two nested configs differ."""
    first, second = flat(one), flat(other)
    pairs = {key: (first.get(key, MISSING), second.get(key, MISSING)) for key in dict.fromkeys([*first, *second])}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested dict as dotted key -> value; a list is a value."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def listed(keys: Mapping[str, tuple[Any, Any]]) -> str:
    """`key (one against other)` of the first few keys."""
    shown = [f"{key} ({one!r} against {other!r})" for key, (one, other) in list(keys.items())[:NAMED]]
    more = [f"and {len(keys) - NAMED} more"] if len(keys) > NAMED else []
    return ", ".join([*shown, *more])
