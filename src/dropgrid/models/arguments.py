"""What every model refuses."""

import math
from collections.abc import Collection, Sequence


def one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Refuse what is not one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"model.{name} must be {' or '.join(allowed)}, got {value!r}")


def whole(name: str, value: object) -> None:
    """Refuse what is not a whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"model.{name} must be a whole number, 1 or more, got {value!r}")


def whole_list(name: str, values: object) -> None:
    """Refuse what is not a list of whole numbers, 1 or more, one for each group or layer."""
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ValueError(f"model.{name} must list whole numbers, got {values!r}")
    for value in values:
        whole(name, value)


def number(name: str, value: object) -> None:
    """Refuse what is not a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"model.{name} must be a number above 0, got {value!r}")


def flag(name: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise ValueError(f"model.{name} must be true or false, got {value!r}")


def stages(depths: object, strides: object) -> None:
    """Refuse depths and strides that are not lists of whole numbers, one of each for a group."""
    whole_list("depths", depths)
    whole_list("strides", strides)
    assert isinstance(depths, Sequence) and isinstance(strides, Sequence), "whole_list refuses what is not"
    if len(strides) != len(depths):
        raise ValueError(f"model.strides needs one stride for each of {len(depths)} groups, got {list(strides)}")


def stem(kind: object, stride: object) -> None:
    """Refuse a stem that is neither imagenet nor small, and a stride that it does not have."""
    one_of("stem", kind, ("imagenet", "small"))
    whole("stem_stride", stride)
    if kind == "imagenet" and stride != 1:
        raise ValueError(f"model.stem_stride acts on stem=small alone; with stem=imagenet it must be 1, got {stride}")
