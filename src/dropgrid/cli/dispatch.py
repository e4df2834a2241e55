"""The command `dropgrid`: `dropgrid COMMAND …` is `python scripts/COMMAND.py …`, and `dropgrid-COMMAND …`.

`dropgrid guide` prints what a program needs to know. `dropgrid COMMAND --help` lists what a command takes, and each
command takes --json.
"""

import ast
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from dropgrid.commands import INTERRUPTED, run_guarded, run_words, say
from dropgrid.errors import UserError, did_you_mean
from dropgrid.json_output import COMMANDS


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the first word names; return its exit code."""
    given = list(sys.argv[1:] if words is None else words)
    if not given or given[0] in ("-h", "--help"):
        return run_guarded(show_help)
    name = given[0].replace("-", "_")
    if name not in COMMANDS:
        return run_words("error", refuse, given)
    sys.argv[1:] = given[1:]  # Hydra reads them there
    return run(name)


def run(command: str) -> int:
    """Import a command and run it on sys.argv; return its exit code, 130 on Ctrl-C in the seconds of its imports."""
    try:
        act = import_module(f"dropgrid.cli.{command}").main
    except KeyboardInterrupt:
        return run_words(command, lambda _: INTERRUPTED, sys.argv[1:])
    code: int = act()
    return code


train, plan, status, report, compare, evaluate, diagnose, verify_resume, clean, merge, dashboard, guide = (
    partial(run, name) for name in COMMANDS
)
"""The console scripts."""


def refuse(words: Sequence[str]) -> int:
    """Raise UserError: no command has the first word as its name."""
    close = did_you_mean(words[0], COMMANDS)
    raise UserError(f"no command {words[0]!r}{close}; commands: {', '.join(COMMANDS)}")


def show_help() -> int:
    """Print what each command does: the beginning of its module's docstring, which is read without importing it."""
    say(__doc__ or "")
    for name in COMMANDS:
        text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))) or ""
        say(f"  {name.replace('_', '-'):14} {text.partition(':')[0].partition('. ')[0]}")
    return 0
