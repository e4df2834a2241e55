"""Exit codes, --json and terminal of all commands; arguments and outputs folder of those that do not use Hydra."""

import argparse
import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from dropgrid import json_output
from dropgrid.errors import UserError, one_line, shortened
from dropgrid.paths import outputs_folder
from dropgrid.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

PLACE = "paths.outputs="
JSON_HELP = f"{json_output.FLAG}  print one JSON object, as docs/json.md documents it"


class Parser(argparse.ArgumentParser):
    """Parse arguments; report a mistake in one line, and accept `paths.outputs=DIR` anywhere, as the Hydra commands do.

    The parsed arguments include `outputs`: that folder, else DROPGRID_OUTPUTS, else `outputs`.

    Args:
        command: the name of the script.
        doc: the help: the module's docstring.
        writes: whether the command uses the outputs folder; the help then names it.
    """

    def __init__(self, command: str, doc: str, *, writes: bool = True):
        place = f"{PLACE}DIR  the outputs folder; default: the variable DROPGRID_OUTPUTS, else outputs\n"
        super().__init__(
            prog=f"python scripts/{command}.py",
            description=doc,
            epilog=(place if writes else "") + (JSON_HELP if command in json_output.VERSIONS else ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.command = command

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        given = sys.argv[1:] if args is None else list(args)
        places = [each.removeprefix(PLACE) for each in given if each.startswith(PLACE)]
        rest = [each for each in given if not each.startswith(PLACE)]
        parsed, extra = super().parse_known_args(rest, namespace)
        parsed.outputs = outputs_folder(places[-1] if places else None)
        return parsed, extra

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {' '.join(self.format_usage().split())}")


def run_command(act: Callable[[argparse.Namespace], int], arguments: Parser, given: Sequence[str] | None) -> int:
    """Parse the arguments and act; return the exit code: 2, with a line on stderr, after a user's mistake."""
    words = sys.argv[1:] if given is None else given
    return run_words(arguments.command, lambda rest: act(arguments.parse_args(rest)), words)


def run_words(command: str, act: Callable[[list[str]], int], words: Sequence[str]) -> int:
    """Act on a command line; return the exit code. With --json, which may stand anywhere, print a JSON object."""
    rest = [each for each in words if each != json_output.FLAG]
    if command not in json_output.VERSIONS:  # an example's
        return run_guarded(lambda: act([*words]))
    if len(rest) == len(words) or {"-h", "--help"} & {*rest}:
        return run_guarded(lambda: act(rest))
    return run_guarded(lambda: json_output.run_as_json(command, lambda: run_guarded(lambda: act(rest))))


def run_guarded(act: Callable[[], int]) -> int:
    """Act; return the exit code: 2, with a line on stderr, after a user's mistake."""
    write_any_text()
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
        message = f"cannot use {shortened(error.filename)}: {error.strerror}" if error.filename else str(error)
        return print_error(UserError(message))
    except KeyboardInterrupt:
        return INTERRUPTED
    except UnicodeEncodeError as error:  # of a path: what is printed is written by `write_any_text`
        letters = error.object[error.start : error.end]
        return print_error(
            UserError(f"{letters!a} in a name or path cannot be written in {error.encoding}: set PYTHONUTF8=1")
        )
    except RecursionError:
        return print_error(UserError("a config or an override is nested too deeply to be read"))
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(each in str(error) for each in NO_MEMORY):
            raise
        return print_error(UserError(f"not enough memory: {one_line(error)}"))


NO_MEMORY = ("DefaultCPUAllocator", "out of memory")
"""Parts of torch's messages, which are RuntimeErrors."""


def write_any_text() -> None:
    """Let stdout and stderr show near letters for those that their encoding lacks, and later processes use UTF-8.

    A container's pipe or LC_ALL=C may have an encoding without ± or –, and a finished sweep must not end there.
    """
    codecs.register_error("near", near)
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        stream.reconfigure(errors="near")
        if codecs.lookup(stream.encoding).name != "utf-8":
            os.environ.update(PYTHONUTF8="1", PYTHONIOENCODING="utf-8:backslashreplace")


NEAR = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "…": "...", "±": "+-", "→": "->", "≥": ">=", "≤": "<=", "×": "x", "·": ".", "•": "*"}
    | dict.fromkeys("“”„", '"')
    | dict.fromkeys("‘’", "'")
)


def near(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for a letter that an encoding lacks, and where to go on: an error handler of `codecs`.

    Bytes of a command line that Python could not read are written as they came.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, following = error.object[error.start], error.start + 1
    if "\udc80" <= letter <= "\udcff":
        return letter.encode("ascii", "surrogateescape"), following
    plain = unicodedata.normalize("NFKD", letter.translate(NEAR))
    return "".join(each if each.isascii() else "?" for each in plain if not unicodedata.combining(each)), following


def terminal(**about: Any) -> "Console":
    """Return a console that prints text literally: names and messages are not markup, and all of it is `printable`."""
    return console_class()(markup=False, highlight=False, **about)


@cache
def console_class() -> type["Console"]:
    """Return the class of consoles; rich is loaded by the first command that prints a table."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class PrintableConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for each in super().render(renderable, options):
                yield each if each.control else each._replace(text=printable(each.text))

    return PrintableConsole


def say(text: str, *, error: bool = False, end: str = "\n") -> None:
    """Print a text, on stderr if it is an error's, as `printable`."""
    print(printable(text), file=sys.stderr if error else sys.stdout, end=end, flush=True)


def print_error(error: Exception) -> int:
    """Print each line of an error to stderr; return the exit code 2."""
    json_output.fail(str(error))
    for line in printable(str(error)).splitlines():
        say(f"error: {line}", error=True)
    return 2
