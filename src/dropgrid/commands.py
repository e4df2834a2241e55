"""Arguments, outputs folder, exit codes and terminal of the commands that do not use Hydra (report, status, …)."""

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
    """Parse arguments; report a mistake in one line, and accept `paths.outputs=DIR` anywhere, as the Hydra commands do.

    The parsed arguments include `outputs`: that folder, else DROPGRID_OUTPUTS, else `outputs`.
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


def command_parser(command: str, doc: str) -> Parser:
    """Return a parser whose help is the module's docstring."""
    return Parser(
        prog=f"python scripts/{command}.py",
        description=doc,
        epilog=f"{PLACE}DIR  the outputs folder; default: the variable DROPGRID_OUTPUTS, else outputs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run_command(act: Callable[[argparse.Namespace], int], arguments: Parser, given: Sequence[str] | None) -> int:
    """Parse the arguments and act; return the exit code: 2, with a line on stderr, after a user's mistake."""
    return run_guarded(lambda: act(arguments.parse_args(given)))


def run_guarded(act: Callable[[], int]) -> int:
    """Act; return the exit code: 2, with a line on stderr, after a user's mistake."""
    try:
        code = act()
        sys.stdout.flush()  # here a closed pipe is handled, at exit it is not
        return code
    except UserError as error:
        return print_error(error)
    except BrokenPipeError:  # the reader, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        message = f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error)
        return print_error(UserError(message))
    except KeyboardInterrupt:
        return 130


def terminal(**about: Any) -> "Console":
    """Return a console that prints text literally: names and messages are not markup."""
    from rich.console import Console

    return Console(markup=False, highlight=False, **about)


def print_error(error: Exception) -> int:
    """Print each line of an error to stderr; return the exit code 2."""
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)
    return 2
