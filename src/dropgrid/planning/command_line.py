"""The command line, read once: as the planner takes it, and as Hydra's own run needs it."""

import os
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
from dropgrid.planning.swept import unzipped

SWEEPS = ("+ablation=", "hydra/launcher=")
"""Beginnings of overrides that make a command a sweep without -m."""

HYDRAS = re.compile(r"[+~]*hydra[./@=]")
"""The beginning of an override that is about Hydra itself."""

SHELL = re.compile("(install|uninstall|query)=(bash|fish|zsh)")
"""The override of --shell-completion; `query` is the shell's own, with the line in a variable."""


@dataclass(frozen=True)
class CommandLine:
    """What a user typed.

    Args:
        options: what argparse reads in the flags.
        typed: the overrides, with the home folder written out.
        sweeps: whether Hydra is to sweep, by -m or by an override.
    """

    options: Namespace
    typed: Sequence[str]
    sweeps: bool

    @property
    def shows(self) -> bool:
        """Predicate: a flag asks for help, configs or settings to be shown; nothing is trained."""
        return shows(self.options)

    @property
    def flags(self) -> list[str]:
        """The flags as Hydra needs them: each in one word, and one that makes the command a sweep."""
        given = {**vars(self.options), "overrides": None, "multirun": self.sweeps}
        names = {name: f"--{name.replace('_', '-')}" for name, value in given.items() if value}
        return [names[name] if given[name] is True else f"{names[name]}={given[name]}" for name in names]

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
    def about_hydra(self) -> list[str]:
        """The overrides that are about Hydra itself, as typed."""
        return [text for text in self.typed if HYDRAS.match(text)]

    @property
    def about_command(self) -> list[str]:
        """The overrides that are about Hydra itself, and about where files are written, as typed."""
        return [text for text in self.typed if HYDRAS.match(text) or re.match(r"[+~]*paths[.=]", text)]

    @property
    def hydra_overrides(self) -> list[str]:
        """The overrides as Hydra needs them.

        Our sweeper reads the others itself, so Hydra gets what it acts upon: it would apply a value before any row or
        choice is known, and refuse a key that the default option of its group lacks. Another sweeper gets `key=value`
        as `key=choice(value)`, for the same reason.
        """
        if not self.sweeps:
            return [*self.typed]
        if not any(text.startswith("hydra/sweeper=") for text in self.typed):
            return self.about_command
        return ["{}=choice({})".format(*text.split("=", 1)) if has_plain_value(text) else text for text in self.typed]

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
    named = [f"+{each}" if each.startswith("ablation=") else each for each in options.overrides]
    typed = [expand_home(each) for each in unzipped(named, expand_home)]
    sweeps = options.multirun or any(each.startswith(SWEEPS) for each in typed)
    return CommandLine(options, typed, sweeps=not shows(options) and sweeps)


def shows(options: Namespace) -> bool:
    """Predicate: the flags ask for help, configs or settings to be shown."""
    return bool(options.help or options.hydra_help or options.cfg or options.info or options.shell_completion)


def parse_flags(given: Sequence[str]) -> Namespace:
    """Return a command line's flags, and its `overrides`, which may stand between them.

    Raises:
        UserError: flags that argparse or Hydra would refuse, or by which Hydra would run a pickle.
    """
    parser = get_args_parser()
    parser.error = refuse_flags  # type: ignore[method-assign]
    options = parser.parse_intermixed_args(given)
    acts = ("run", "multirun", "cfg", "info", "shell_completion")
    several = [f"--{name.replace('_', '-')}" for name in acts if getattr(options, name)]
    if len(several) > 1:
        raise UserError(f"{' and '.join(several)} exclude each other; choose one")
    if options.experimental_rerun is not None:
        raise UserError("--experimental-rerun would run a pickle; the same command continues a sweep")
    if (options.resolve or options.package is not None) and not (options.cfg or options.help):
        raise UserError("--resolve and --package go with --cfg job")
    if options.shell_completion and not asks_shell(options.overrides):
        raise UserError(
            "--shell-completion takes install= or uninstall= with bash, fish or zsh, as in -sc install=bash"
        )
    return options


def asks_shell(overrides: Sequence[str]) -> bool:
    """Predicate: the overrides are those of --shell-completion."""
    asked = SHELL.fullmatch(" ".join(overrides))
    return asked is not None and (asked[1] != "query" or "COMP_LINE" in os.environ)


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
    """Return `key=~/x` with the home folder, and a value in letters that Hydra does not read in quotes, in lists and
    sweeps too: neither the shell nor Hydra does this.
    """
    key, equals, value = override.partition("=")
    if not value.isascii() and not QUOTED.search(value):
        value = ELEMENT.sub(lambda found: found[0] if found[0].isascii() else quoted_path(found[0]), value)
    return key + equals + HOME.sub(lambda found: quoted_path(found[0].strip()), value)


HOME = re.compile(r"(?:^|(?<=[,(\[]))\s*~[\w.-]*/[^,)\]]*")
"""A path that begins with ~, alone or in a list."""

ELEMENT = re.compile(r"[^,()\[\]{}\s:](?:[^,()\[\]{}]*[^,()\[\]{}\s])?")
"""A value, alone or in a list."""

QUOTED = re.compile(r"['\"\\${]")
"""Parts of a value that is quoted already, or too much to be quoted here."""


def quoted_path(path: str) -> str:
    """Return a path with the home folder for its ~, in quotes if Hydra would read it otherwise."""
    path = untilde(path)
    return path if re.fullmatch(r"[\w/.+-]+", path, re.ASCII) else QuotedString(path, Quote.double).with_quotes()
