"""table.tex: the table as LaTeX, in ASCII.

pdfLaTeX shows the text unchanged: special characters are escaped, and missing ones are built from commands.
"""

import re
import unicodedata
from collections.abc import Sequence

from dropgrid.printable import REPLACED, printable
from dropgrid.reports.columns import table_columns
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.question import question_sections
from dropgrid.reports.section import Section
from dropgrid.reports.table import Table

ROOM = 3000
"""Characters of notes that fit under a table on its page; more of them follow it as text that runs on."""

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


def render(table: Table) -> str:
    """Return a booktabs table to \\input; rules separate the blocks, and their factors head them."""
    shown = table_columns(table)
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape_latex(table.question)}}}",
        f"\\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.ablation.name).strip('-')}}}",
        "\\resizebox{\\linewidth}{!}{%",
        f"\\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in shown)}}}",
        "\\toprule",
        line_of_cells([column.full for column in shown]),
    ]
    for block, rows in table.blocks:
        lines.append("\\midrule")
        if block.factors:
            lines.append(f"\\multicolumn{{{len(shown)}}}{{l}}{{\\emph{{{escape_latex(block.label)}}}}} \\\\")
        for row in rows:
            first, *others = [escape_latex(column.text(row)) for column in shown]
            lines.append(" & ".join([f"\\textbf{{{first}}}" if row.baseline else first, *others]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}}"]
    remarks = table_notes(table)
    for section in [each for each in question_sections(table) if each.brief]:
        lines += section_lines(section)
        remarks = [*remarks, section.note]
    below = [f"{escape_latex(note)}\\par" for note in remarks]
    if sum(map(len, below)) <= ROOM:
        below = [
            "",
            "\\medskip",
            "\\begin{minipage}{\\linewidth}\\footnotesize",
            *below,
            "\\end{minipage}",
            "\\end{table}",
        ]
    else:
        below = ["\\end{table}", "{\\footnotesize\\noindent", *below, "}"]
    return "\n".join([*lines, *below]) + "\n"


def section_lines(section: Section) -> list[str]:
    """Return the lines of a small table below the table."""
    first, *others = section.lines
    columns = "l" * section.left + "r" * (len(first) - section.left)
    begin = ["", "\\medskip", f"{escape_latex(section.title)}\\\\", "\\resizebox{\\linewidth}{!}{%"]
    end = ["\\bottomrule", "\\end{tabular}}"]
    body = [line_of_cells(each) for each in others]
    return [*begin, f"\\begin{{tabular}}{{{columns}}}", "\\toprule", line_of_cells(first), "\\midrule", *body, *end]


def line_of_cells(texts: Sequence[str]) -> str:
    """Return a table line of cells."""
    return " & ".join(escape_latex(text) for text in texts) + " \\\\"


def escape_latex(text: str) -> str:
    """Return text in ASCII that pdfLaTeX shows as it is, with single spaces; other characters become `U+4E2D`."""
    shown = " ".join(printable(text).replace(REPLACED, "").split())
    return "".join(each if is_plain_latex(each) else spell_character(each) for each in shown)


def is_plain_latex(character: str) -> bool:
    """Predicate: a character needs no escape."""
    return character.isascii() and character.isprintable() and character not in TEXT


def spell_character(character: str) -> str:
    """Return the LaTeX command of a character that needs an escape."""
    if character in TEXT:
        return TEXT[character]
    if character in MATHS:
        return f"${MATHS[character]}$"
    if not character.isprintable() or unicodedata.combining(character):
        return ""
    if (letter := greek_command(character)) is not None:
        return f"${letter}$"
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS:
        return f"\\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    kind, _, codes = unicodedata.decomposition(character).rpartition("> ")
    simpler = "".join(chr(int(code, 16)) for code in codes.split())
    if not simpler or simpler == character:
        return f"\\texttt{{U+{ord(character):04X}}}"
    sign = {"<super": "^", "<sub": "_"}.get(kind)
    return f"${sign}{{{escape_latex(simpler)}}}$" if sign else escape_latex(simpler)


def greek_command(character: str) -> str | None:
    """Return the command of a Greek letter, which Unicode spells LAMDA where TeX has lambda."""
    name = unicodedata.name(character, "").lower().replace("lamda", "lambda")
    for start, known, make in (
        ("greek small letter ", SMALL, str.lower),
        ("greek capital letter ", CAPITAL, str.title),
    ):
        letter = name.removeprefix(start)
        if letter != name and letter in known.split():
            return f"\\{make(letter)}"
    return None
