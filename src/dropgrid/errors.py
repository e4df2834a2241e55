"""Errors that users read, and the exit codes of a cell's process."""

import difflib
from collections.abc import Sequence

FAILED, STOPPED, DISK_FULL = 3, 4, 5
"""Exit codes of a cell's process: failure.json holds the reason; asked to stop; no disk space even for that file."""


class UserError(Exception):
    """A mistake in a command, a config or the data: `main` prints its lines and exits with code 2, no traceback."""


def meant(word: str, words: Sequence[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
