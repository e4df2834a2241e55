"""table.md: the table as Markdown."""

import re
from collections.abc import Sequence

from dropgrid.reports.columns import Column, columns, lines_of, separate_evaluations
from dropgrid.reports.footnotes import notes
from dropgrid.reports.question import sections
from dropgrid.reports.section import Section
from dropgrid.reports.table import Row, Table


def render(table: Table) -> str:
    """A pipe table for each block, aligned in the source too, under the question and above the notes; then the rest."""
    shown = columns(table)
    parts = [f"# {markdown_text(table.title)}", markdown_text(table.question)]
    for block, rows in table.blocks:
        if block.factors:
            parts.append(f"## {markdown_text(block.label)}")
        parts.append(pipe_table(shown, rows))
    parts.append("\n".join(f"- {markdown_text(note)}" for note in notes(table)))
    small = sections(table)
    parts += [text for section in small if not section.below for text in section_parts(section)]
    for evaluation in separate_evaluations(table.rows):
        for block, rows in table.blocks:
            heading = f"{evaluation} ({block.label})" if block.factors else evaluation
            lines = [[markdown_text(text) for text in line] for line in lines_of(rows, evaluation)]
            if len(lines) > 1:
                parts += [f"## {markdown_text(heading)}", aligned(lines, [True] + [False] * len(rows))]
    parts += [text for section in small if section.below for text in section_parts(section)]
    return "\n\n".join(parts) + "\n"


def section_parts(section: Section) -> list[str]:
    """A small table: heading, table, note."""
    lines = [[markdown_text(text) for text in line] for line in section.lines]
    table = aligned(lines, [i < section.left for i in range(len(lines[0]))])
    return [f"## {markdown_text(section.title)}", table, markdown_text(section.note)]


def pipe_table(shown: Sequence[Column], rows: Sequence[Row]) -> str:
    """One block's lines; the baseline in bold."""
    lines = [[column.full for column in shown]]
    for row in rows:
        texts = [markdown_text(column.text(row)) for column in shown]
        lines.append([f"**{texts[0]}**" if row.baseline else texts[0], *texts[1:]])
    return aligned(lines, [column.left for column in shown])


def aligned(lines: Sequence[Sequence[str]], left: Sequence[bool]) -> str:
    """Headings and lines as a pipe table, padded so that the bars stand in columns."""
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


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is; underscores inside a word need no escape, nor brackets that make no link."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\`*|~]|!(?=\[)|\](?=[(\[:]))", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
