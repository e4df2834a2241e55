"""The command line as Hydra needs it, from what a user types."""

import re
from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from dropgrid.errors import UserError
from dropgrid.paths import untilde

SWEEPS = ("+ablation=", "hydra/launcher=")
"""Beginnings of overrides that make a command a sweep without -m."""


def arguments(given: list[str]) -> list[str]:
    """The command line as Hydra needs it, from what a user types.

    Flags may stand anywhere; the + of `+ablation=x` is optional, and it sweeps without -m, as what a launcher is to
    run does. In a sweep `key=value` becomes `key=choice(value)`: Hydra applies plain values before any row or choice
    is known, and would refuse a key that the default option of its group lacks.
    """
    parsed = parse(given)
    flags = [each for each in given if each not in parsed.overrides]
    overrides = [from_home(f"+{each}" if each.startswith("ablation=") else each) for each in parsed.overrides]
    if parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        return [*flags, *overrides]
    if any(each.startswith(SWEEPS) for each in overrides) and not parsed.multirun:
        flags = [*flags, "--multirun"]
    if "--multirun" not in flags and not parsed.multirun:
        return [*flags, *overrides]
    return [*flags, *map(deferred, overrides)]


def from_home(override: str) -> str:
    """`key=~/x`, of lists and sweeps too, as the shell does not write it out, and Hydra does not read it."""
    key, equals, value = override.partition("=")
    begun = re.compile(r"(?:^|(?<=[,(\[]))\s*~[\w.-]*/[^,)\]]*")
    return key + equals + begun.sub(lambda found: quoted(found[0].strip()), value)


def quoted(path: str) -> str:
    """A path that begins with ~, whole, in quotes where Hydra would read it otherwise."""
    path = untilde(path)
    return path if re.fullmatch(r"[\w/.+-]+", path, re.ASCII) else QuotedString(path, Quote.double).with_quotes()


def parse(given: Sequence[str]) -> Namespace:
    """A command line's flags, and its `overrides`, which may stand between them."""
    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_intermixed_args(given)


def refuse(message: str) -> NoReturn:
    """What argparse says without the usage that it prints above."""
    raise UserError(f"{' '.join(message.split())}; a command is flags and key=value, as --help shows")


def deferred(override: str) -> str:
    """`key=value` as a choice of one; what adds, deletes, sweeps, or is about Hydra or places stays."""
    key, equals, value = override.partition("=")
    plain = equals and value != "null" and not key.startswith(("+", "~", "hydra", "paths"))  # no choice takes null
    try:
        swept = OverridesParser.create().parse_overrides([override])[0].is_sweep_override()
    except HydraException:
        return override  # Hydra says what is wrong with it
    return f"{key}=choice({value})" if plain and not swept else override
