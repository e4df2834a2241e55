"""What the small commands (report, status, clean, …) share: arguments, where outputs lie, exit codes."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from dropgrid.errors import UserError
from dropgrid.paths import outputs_folder

if TYPE_CHECKING:
    from rich.console import Console

PLACE = "paths.outputs="


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line, and `paths.outputs=DIR` may stand anywhere, as in the Hydra commands.

    The parsed arguments have `outputs`: that folder, else DROPGRID_OUTPUTS, else `outputs`.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        given = sys.argv[1:] if args is None else list(args)
        places = [each.removeprefix(PLACE) for each in given if each.startswith(PLACE)]
        rest = [each for each in given if not each.startswith(PLACE)]
        parsed, extra = super().parse_known_args(rest, namespace)
        parsed.outputs = outputs_folder(places[-1] if places else None)
        return parsed, extra

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {' '.join(self.format_usage().split())}")


def parser(command: str, doc: str) -> Parser:
    """A parser whose help is the module's docstring."""
    return Parser(
        prog=f"python scripts/{command}.py",
        description=doc,
        epilog=f"{PLACE}DIR  the outputs folder; default: the variable DROPGRID_OUTPUTS, else outputs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(act: Callable[[argparse.Namespace], int], arguments: Parser, given: Sequence[str] | None) -> int:
    """Parse and act; the exit code, 2 and a line on stderr for a user's mistake."""
    return guarded(lambda: act(arguments.parse_args(given)))


def guarded(act: Callable[[], int]) -> int:
    """Act; the exit code, 2 and a line on stderr for a user's mistake."""
    try:
        code = act()
        sys.stdout.flush()  # here, where a closed pipe is no trouble
        return code
    except UserError as error:
        return complain(error)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return complain(UserError(f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error)))
    except KeyboardInterrupt:
        return 130


def terminal(**about: Any) -> "Console":
    """A terminal's, or a pipe's, that prints texts as they are: names and messages are no markup."""
    from rich.console import Console

    return Console(markup=False, highlight=False, **about)


def complain(error: Exception) -> int:
    """A user's mistake, a line each; the exit code."""
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)
    return 2
