"""Text on its way out: to a terminal, a page, a table or a service. Names, titles and messages may be a stranger's."""

import unicodedata

REPLACED = "\N{REPLACEMENT CHARACTER}"

INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks of no width."""


class Shown(dict[int, str]):
    """Code point -> what is shown of it: what no reader sees, or a terminal obeys, is replaced by U+FFFD."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        visible = character.isprintable() or unicodedata.category(character) == "Zs" or character in "\n\t"
        self[code] = character if visible and character not in INVISIBLE else REPLACED
        return self[code]


SHOWN = Shown()


def printable(text: str) -> str:
    """Return a text of which every character is seen as what it is: control characters but the end of a line and the
    tabulator, signs of the direction of writing or of no width, lone surrogates and unassigned code points are U+FFFD.

    \\r, which lets a line be written over, ends one.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(SHOWN)
