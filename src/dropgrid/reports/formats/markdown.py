"""table.md: the table as Markdown."""

import re
from collections.abc import Sequence

from dropgrid.printable import printable
from dropgrid.reports.columns import Column, evaluation_lines, separate_evaluations, table_columns
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.question import question_sections
from dropgrid.reports.section import Section
from dropgrid.reports.table import Row, Table


def render(table: Table) -> str:
    """Return table.md: an aligned pipe table per block, below the question and above the notes; then the rest."""
    shown = table_columns(table)
    parts = [f"# {markdown_text(table.title)}", paragraph(table.question)]
    for block, rows in table.blocks:
        if block.factors:
            parts.append(f"## {markdown_text(block.label)}")
        parts.append(pipe_table(shown, rows))
    parts.append("\n".join(f"- {paragraph(note)}" for note in table_notes(table)))
    small = question_sections(table)
    parts += [text for section in small if not section.below for text in section_parts(section)]
    for evaluation in separate_evaluations(table.rows):
        for block, rows in table.blocks:
            heading = f"{evaluation} ({block.label})" if block.factors else evaluation
            lines = [[markdown_text(text) for text in line] for line in evaluation_lines(rows, evaluation)]
            if len(lines) > 1:
                parts += [f"## {markdown_text(heading)}", align_table(lines, [True] + [False] * len(rows))]
    parts += [text for section in small if section.below for text in section_parts(section)]
    return "\n\n".join(parts) + "\n"


def section_parts(section: Section) -> list[str]:
    """Return a small table as heading, table and note."""
    lines = [[markdown_text(text) for text in line] for line in section.lines]
    table = align_table(lines, [i < section.left for i in range(len(lines[0]))])
    return [f"## {markdown_text(section.title)}", table, paragraph(section.note)]


def pipe_table(shown: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return one block as a pipe table; the baseline in bold."""
    lines = [[column.full for column in shown]]
    for row in rows:
        texts = [markdown_text(column.text(row)) for column in shown]
        lines.append([f"**{texts[0]}**" if row.baseline else texts[0], *texts[1:]])
    return align_table(lines, [column.left for column in shown])


def align_table(lines: Sequence[Sequence[str]], left: Sequence[bool]) -> str:
    """Return headings and lines as a pipe table, padded to columns."""
    sizes = [max(3, *(len(line[i]) for line in lines)) for i in range(len(left))]
    rule = ["-" * size if at_left else "-" * (size - 1) + ":" for at_left, size in zip(left, sizes, strict=True)]
    padded = [
        [
            text.ljust(size) if at_left else text.rjust(size)
            for at_left, text, size in zip(left, line, sizes, strict=True)
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


def paragraph(text: str) -> str:
    """Return text as the begin of a paragraph: no heading, list, quotation or rule."""
    text = re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", markdown_text(text))
    return re.sub(r"^(?=[#>+=-])", r"\\", text)


def markdown_text(text: str) -> str:
    """Return text that Markdown shows as it is; underscores inside a word and brackets that make no link are left."""
    text = " ".join(printable(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\`*|~]|!(?=\[)|\](?=[(\[:]))", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
