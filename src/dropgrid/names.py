"""Names of files and folders made from names that users chose."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MOST = 240
"""Bytes of a name; file systems allow 255, of which a temporary file beside it needs some."""

MARK = re.compile(r".*~[0-9a-f]{10}", re.DOTALL)
"""A name that was made from another, whose hash it ends in."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names of devices elsewhere."""

IN_COMMANDS = re.compile(r"[^\w.+=,@\[\]~-]")
"""Characters that a shell may read otherwise."""


def file_name(text: str, refused: re.Pattern[str] | None = None) -> str:
    """Return a text as the name of a file: the text itself if every file system takes it, else what it takes of it and
    a hash of all of it, `a_b~9f86d08188`. Names of different texts differ.

    Args:
        refused: a pattern of characters that are not to stand in it, beside those that cannot be printed, / and \\0.
    """
    name = accepted(text, refused)
    return name if name == text and not MARK.fullmatch(text) else marked(name, text)


def is_file_name(text: str, refused: re.Pattern[str] | None = None) -> bool:
    """Predicate: a text is a name that `file_name` returns, of itself or of another text."""
    return accepted(text, refused) == text


def file_names(texts: Iterable[str]) -> dict[str, str]:
    """Return text -> name, also distinct where upper and lower case are the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(texts):
        name = file_name(text)
        found[text] = marked(name, text) if name.casefold() in taken and not MARK.fullmatch(name) else name
        taken.add(found[text].casefold())
    return found


def marked(name: str, text: str) -> str:
    """Return a name cut to leave room for the hash of its text, and the hash."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{cut(name, MOST - 11)}~{digest}"


def accepted(text: str, refused: re.Pattern[str] | None) -> str:
    """Return what every file system takes of a text, in at most `MOST` bytes."""
    name = "".join(each if each.isprintable() and each != "/" else "_" for each in text)
    name = unicodedata.normalize("NFC", refused.sub("_", name) if refused else name)
    name = name.strip(". ")
    return cut(f"_{name}" if RESERVED.fullmatch(name) or not name else name, MOST)


def cut(name: str, most: int) -> str:
    """Return the beginning of a name in at most that many bytes."""
    return name.encode()[:most].decode(errors="ignore").rstrip(". ")
