"""`--json` of every command: one JSON object on stdout. What else is printed goes to stderr.

A command hands over the fields of its object with `give` and `add`; docs/json.md documents them. A mistake makes the
object one of `dropgrid.error`.
"""

import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from dropgrid.errors import one_line
from dropgrid.printable import printable

FLAG = "--json"

COMMANDS = (
    *("train", "plan", "status", "report", "compare", "evaluate", "diagnose", "verify_resume"),
    *("clean", "merge", "dashboard", "guide"),
)
"""The commands of the package; `publish` needs a checkout."""

VERSIONS = dict.fromkeys((*COMMANDS, "publish", "error"), 1)
"""Command -> version of its object. A field that goes, or means something else, raises it; a new field does not."""


@dataclass
class Output:
    """The object of the running command: its fields, and the message of the mistake that ended it."""

    fields: dict[str, Any] = field(default_factory=dict)
    error: str = ""


RUNNING: ContextVar[Output | None] = ContextVar("RUNNING", default=None)
"""The object of the running command; None without --json."""


def wanted() -> bool:
    """Predicate: the running command was given --json."""
    return RUNNING.get() is not None


def give(**fields: Any) -> None:
    """Set fields of the object, if there is one."""
    output = RUNNING.get()
    if output is not None:
        output.fields.update(fields)


def add(name: str, value: Any) -> None:
    """Append to a field that is a list, if there is an object."""
    output = RUNNING.get()
    if output is not None:
        output.fields.setdefault(name, []).append(value)


def fail(message: str) -> None:
    """Make the object that of a mistake, if there is one."""
    output = RUNNING.get()
    if output is not None:
        output.error = message


def run_as_json(command: str, act: Callable[[], int]) -> int:
    """Act, and print the object; return the exit code.

    Errors that are no user's mistake are raised after an object that names them is printed.
    """
    output = Output()
    token = RUNNING.set(output)
    try:
        with stdout_on_stderr():
            code = act()
    except SystemExit as ended:  # of Hydra's run
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except Exception as error:
        output.error = f"{type(error).__name__}: {one_line(error)}"
        print_object("error", {"message": output.error}, 1)
        raise
    finally:
        RUNNING.reset(token)
    if code and not output.error and not output.fields:
        output.error = "interrupted" if code == 130 else f"ended with exit code {code}"
    if output.error:
        print_object("error", {"message": output.error}, code)
    else:
        print_object(command, output.fields, code)
    return code


def print_object(command: str, fields: Mapping[str, Any], code: int) -> None:
    """Print an object; all of it is ASCII, so any encoding of stdout can write it."""
    about = {"schema": f"dropgrid.{command}/{VERSIONS[command]}", "exit_code": code}
    text = json.dumps(finite_or_none({**about, **fields}), indent=1, allow_nan=False, default=str)
    print(text, flush=True)


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Send what is printed to stderr, also by other processes and by code that is not Python."""
    sys.stdout.flush()
    try:
        number, other = sys.stdout.fileno(), sys.stderr.fileno()
    except io.UnsupportedOperation:  # not a file: a test's
        with redirect_stdout(sys.stderr):
            yield
        return
    kept = os.dup(number)
    os.dup2(other, number)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


def finite_or_none(value: Any) -> Any:
    """Return nested values with None for NaN and infinities, which JSON lacks, and texts as `printable`."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {finite_or_none(key): finite_or_none(each) for key, each in value.items()}
    return [finite_or_none(each) for each in value] if isinstance(value, list | tuple) else value
