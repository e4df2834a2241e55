"""Errors that users read, and the exit codes of a cell's process."""

import difflib
from collections.abc import Sequence

FAILED, STOPPED, DISK_FULL = 3, 4, 5
"""Exit codes of a cell's process: failure.json holds the reason; asked to stop; no disk space even for that file."""


class UserError(Exception):
    """A mistake in a command, a config or the data: `main` prints its lines, no traceback, and exits with code 2."""


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` with the closest of some words; empty if none is close."""
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
