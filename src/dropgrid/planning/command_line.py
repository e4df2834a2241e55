"""The command line, read once: as the planner takes it, and as Hydra's own run needs it."""

import re
from argparse import Namespace
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from dropgrid.errors import UserError
from dropgrid.paths import untilde
from dropgrid.planning.overrides import normalized, parse_override, parse_text

SWEEPS = ("+ablation=", "hydra/launcher=")
"""Beginnings of overrides that make a command a sweep without -m."""


@dataclass(frozen=True)
class CommandLine:
    """What a user typed.

    Args:
        flags: as Hydra needs them; one that makes the command a sweep is added.
        options: what argparse reads in the flags.
        typed: the overrides, with the home folder written out.
        sweeps: whether Hydra is to sweep, by -m or by an override.
    """

    flags: Sequence[str]
    options: Namespace
    typed: Sequence[str]
    sweeps: bool

    @property
    def overrides(self) -> list[Override]:
        """The overrides as objects; UserError for one that cannot be read."""
        return [
            normalized(parse_override(text)) if self.sweeps and has_plain_value(text) else parse_override(text)
            for text in self.typed
        ]

    @property
    def overrides_of_cells(self) -> list[Override]:
        """The overrides that are not about Hydra."""
        return [each for each in self.overrides if not each.is_hydra_override()]

    @property
    def hydra_overrides(self) -> list[str]:
        """The overrides as Hydra needs them.

        In a sweep `key=value` becomes `key=choice(value)`: Hydra applies plain values before any row or choice is
        known, and would refuse a key that the default option of its group lacks.
        """
        return [
            "{}=choice({})".format(*text.split("=", 1)) if self.sweeps and has_plain_value(text) else text
            for text in self.typed
        ]

    @property
    def arguments(self) -> list[str]:
        """The whole command line as Hydra needs it, flags first."""
        return [*self.flags, *self.hydra_overrides]


RUNNING: ContextVar[CommandLine] = ContextVar("RUNNING")
"""The command line of the process: what Hydra hands our sweeper are its overrides as choices."""


def read_command_line(given: Sequence[str]) -> CommandLine:
    """Return the command line that a user typed.

    Flags may stand anywhere; the + of `+ablation=x` is optional, and it sweeps without -m, as what a launcher is to
    run does.
    """
    options = parse_flags(given)
    flags = [each for each in given if each not in options.overrides]
    typed = [expand_home(f"+{each}" if each.startswith("ablation=") else each) for each in options.overrides]
    if options.help or options.hydra_help or options.cfg or options.info or options.shell_completion:
        return CommandLine(flags, options, typed, sweeps=False)
    if any(each.startswith(SWEEPS) for each in typed) and not options.multirun:
        return CommandLine([*flags, "--multirun"], options, typed, sweeps=True)
    return CommandLine(flags, options, typed, sweeps=options.multirun)


def parse_flags(given: Sequence[str]) -> Namespace:
    """Return a command line's flags, and its `overrides`, which may stand between them."""
    parser = get_args_parser()
    parser.error = refuse_flags  # type: ignore[method-assign]
    return parser.parse_intermixed_args(given)


def refuse_flags(message: str) -> NoReturn:
    """Raise argparse's message without the usage that it prints above."""
    raise UserError(f"{' '.join(message.split())}; a command is flags and key=value, as --help shows")


def has_plain_value(text: str) -> bool:
    """Predicate: the override gives a key one value, and Hydra can take that as a choice.

    What adds, deletes, sweeps, or is about Hydra or places stays as it is. No choice takes null, nothing, or a value
    whose last character would escape its bracket; Hydra says what is wrong with a text that cannot be read.
    """
    key, equals, value = text.partition("=")
    if not equals or key.startswith(("+", "~", "hydra", "paths")) or not value.strip() or value.endswith("\\"):
        return False
    try:
        override = parse_text(text)
    except HydraException:
        return False
    return not override.is_sweep_override() and override.value() is not None


def expand_home(override: str) -> str:
    """Return `key=~/x` with the home folder, in lists and sweeps too: the shell does not expand it, nor Hydra."""
    key, equals, value = override.partition("=")
    begun = re.compile(r"(?:^|(?<=[,(\[]))\s*~[\w.-]*/[^,)\]]*")
    return key + equals + begun.sub(lambda found: quoted_path(found[0].strip()), value)


def quoted_path(path: str) -> str:
    """Return a path that begins with ~ with the home folder, in quotes if Hydra would read it otherwise."""
    path = untilde(path)
    return path if re.fullmatch(r"[\w/.+-]+", path, re.ASCII) else QuotedString(path, Quote.double).with_quotes()
