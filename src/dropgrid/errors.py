"""What a user did that cannot work, said in one line."""

import difflib
from collections.abc import Sequence


class UserError(Exception):
    """A mistake in a command, a config or the data: `main` prints its lines and exits with code 2, no traceback."""


def meant(word: str, words: Sequence[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
