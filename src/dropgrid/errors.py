"""Errors that users read, and the exit codes of a cell's process."""

import difflib
from collections.abc import Sequence

FAILED, STOPPED, DISK_FULL, LOST = 3, 4, 5, 6
"""Exit codes of a cell's process: failure.json holds the reason; asked to stop; no disk space even for that file;
another command has taken over the cell."""


class UserError(Exception):
    """A mistake in a command, a config or the data: `main` prints its lines, no traceback, and exits with code 2."""


def one_line(error: BaseException) -> str:
    """Return an exception's message in one line, without the stack that torch's C++ appends; its class if empty."""
    return " ".join(str(error).partition("Exception raised from")[0].split()) or type(error).__name__


class Damaged(UserError):
    """A file whose content is not what dropgrid writes there; one that may not be read is not called damaged."""


def shortened(text: object) -> str:
    """Return a text with its middle left out if it is long: a line is to be read."""
    whole = str(text)
    return whole if len(whole) <= 200 else f"{whole[:100]} … {whole[-20:]}"


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` with the closest of some words; empty if none is close."""
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
