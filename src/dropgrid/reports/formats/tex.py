"""Text as pdfLaTeX shows it: what it would misread is escaped, what it lacks is made from what it has."""

import unicodedata

TEXT = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "`": r"\textasciigrave{}"},
    # brackets after a line's end would be its optional argument
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "]": "{]}", '"': "''"},
    **{
        "–": "--",
        "—": "---",
        "“": "``",
        "”": "''",
        "‘": "`",
        "’": "'",
        "…": r"\ldots{}",
        "§": r"\S{}",
        "•": r"\textbullet{}",
    },
    **{"ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ł": r"\l{}", "Ł": r"\L{}"},
}
MATHS = {
    **{"±": r"\pm", "−": "-", "→": r"\to", "←": r"\leftarrow", "×": r"\times", "·": r"\cdot", "°": r"^\circ"},
    **{
        "≥": r"\geq",
        "≤": r"\leq",
        "≠": r"\neq",
        "≈": r"\approx",
        "∞": r"\infty",
        "∑": r"\sum",
        "√": r"\surd",
        "⁄": "/",
    },
    **{"∈": r"\in", "∆": r"\Delta", "▲": r"\triangle", "▼": r"\bigtriangledown", "●": r"\bullet", "○": r"\circ"},
}
SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
SMALL += "omega"
CAPITAL = "gamma delta theta lambda xi pi sigma upsilon phi psi omega"
"""The Greek letters that have commands; the other capitals are Latin ones."""

ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)
"""Combining accents, and the commands that set them."""


def tex(text: str) -> str:
    """Text in ASCII that pdfLaTeX shows as it is; white space is single, a character beyond its means is `U+4E2D`."""
    return "".join(character if plain(character) else one(character) for character in " ".join(text.split()))


def plain(character: str) -> bool:
    """Whether a character stands for itself."""
    return character.isascii() and character.isprintable() and character not in TEXT


def one(character: str) -> str:
    """A character that does not."""
    if character in TEXT:
        return TEXT[character]
    if character in MATHS:
        return f"${MATHS[character]}$"
    if not character.isprintable() or unicodedata.combining(character):
        return ""
    if (letter := greek(character)) is not None:
        return f"${letter}$"
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS:
        return f"\\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    kind, _, codes = unicodedata.decomposition(character).rpartition("> ")
    simpler = "".join(chr(int(code, 16)) for code in codes.split())
    if not simpler or simpler == character:
        return f"\\texttt{{U+{ord(character):04X}}}"
    sign = {"<super": "^", "<sub": "_"}.get(kind)
    return f"${sign}{{{tex(simpler)}}}$" if sign else tex(simpler)


def greek(character: str) -> str | None:
    """The command of a Greek letter, which Unicode spells LAMDA where TeX has lambda."""
    name = unicodedata.name(character, "").lower().replace("lamda", "lambda")
    for start, known, make in (
        ("greek small letter ", SMALL, str.lower),
        ("greek capital letter ", CAPITAL, str.title),
    ):
        letter = name.removeprefix(start)
        if letter != name and letter in known.split():
            return f"\\{make(letter)}"
    return None
