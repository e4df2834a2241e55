"""Overrides as objects: a text is parsed once, wherever it passes, and has a key and one value or several."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, RangeSweep, Transformer, ValueType
from hydra.errors import HydraException

from dropgrid.errors import UserError, shortened

MOST = 10_000
"""Values of a key, and cells of a sweep."""


@cache
def parse_text(text: str) -> Override:
    """Return what Hydra's parser makes of an override; HydraException if it cannot be read."""
    try:
        return OverridesParser.create().parse_overrides([text])[0]
    except ValueError as error:  # of a number of thousands of digits
        raise HydraException(str(error)) from error


def parse_override(text: str) -> Override:
    """Return what Hydra's parser makes of an override.

    Raises:
        UserError: it cannot be read, or it is a range that no sweep has room for.
    """
    try:
        found = parse_text(text)
    except HydraException as error:
        raise unreadable(text) from error
    if not found.key_or_group:
        raise unreadable(text)
    if found.is_range_sweep():
        value = found.value()
        assert isinstance(value, RangeSweep)
        start, stop, step = (float(each or 0) for each in (value.start, value.stop, value.step))
        check_count(abs(stop - start) / abs(step) if step else inf, text)
    return found


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """Return what Hydra's parser makes of some overrides."""
    return [parse_override(text) for text in texts]


def texts_of(overrides: Sequence[Override]) -> list[str]:
    """Return overrides as they are typed."""
    return [str(each.input_line) for each in overrides]


def unreadable(text: object) -> UserError:
    """Return the error for an override that Hydra's parser cannot read."""
    return UserError(
        f"cannot read {shortened(repr(text))}: write key=value, with quotes around a value that holds "
        f"=, commas, brackets, quotes or letters beyond a to z: key='a=b'"
    )


def check_count(count: float, what: str) -> None:
    """Refuse more of something than any sweep has: it would be listed for ever."""
    if not count <= MOST:
        raise UserError(f"{what} is more than {MOST:,}")


def key_of(override: Override) -> str:
    """Return the key that an override sets: `+regularizer@regularizer_2=x` sets regularizer_2."""
    return str(override.package or override.key_or_group)


def root_of(override: Override) -> str:
    """Return the first part of that key: the axis, or `sweep`, `paths`, `hydra`, …"""
    return re.split("[./]", key_of(override), maxsplit=1)[0]


def sweep_elements(override: Override, transformer: Any = Transformer.identity) -> Iterator[Any]:
    """Iterate over the values of a sweep; `glob(…)` names options of a group, which Hydra looks up now."""
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        override.config_loader = GlobalHydra.instance().config_loader()
    return override.sweep_iterator(transformer=transformer)


def values_of(override: Override) -> list[str]:
    """Return the values of a sweep override as texts, in order; of any other its single value."""
    if not override.is_sweep_override():
        return ["" if override.is_delete() else override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line} is an interval: name its values, as in key=1,2,3 or key=range(1,4)")
    values = [str(each) for each in sweep_elements(override, value_text)]
    twice = next((each for each in values if values.count(each) > 1), None)
    if twice is not None and not getattr(override.value(), "tags", ()):  # those zipped with others may be equal
        raise UserError(f"{override.input_line} names {twice} twice")
    return values


def value_text(value: Any) -> str:
    """Return a value as the command line has it alone: with quotes, which Hydra drops, if it needs them."""
    if not isinstance(value, str):
        return str(Transformer.str(value))
    try:
        alone = parse_text(f"key={value}").value()
    except HydraException:
        alone = None
    return value if alone == value else QuotedString(value, Quote.double).with_quotes()


def without_sweep(override: Override) -> Override:
    """Return a sweep of one value as the override of that value; any other as it is."""
    if not override.is_sweep_override():
        return override
    return parse_override(f"{override.get_key_element()}={values_of(override)[0]}")


def normalized(override: Override) -> Override:
    """Return an override of one value as the values of a sweep are written: `.9` is 0.9, quotes are dropped."""
    value: Any = override._value
    text = value_text(value.text if isinstance(value, QuotedString) else value)
    return parse_override(f"{override.get_key_element()}={text}")
