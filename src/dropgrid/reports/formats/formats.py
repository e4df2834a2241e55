"""The table as Markdown, CSV, LaTeX and JSON."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dropgrid.reports import sections
from dropgrid.reports.claim_results import Judged
from dropgrid.reports.columns import Column, apart, columns, lines_of
from dropgrid.reports.footnotes import notes
from dropgrid.reports.formats.tex import tex
from dropgrid.reports.measurements import Measurement
from dropgrid.reports.questions import contrasts, plateau_width
from dropgrid.reports.section import Section
from dropgrid.reports.table import NATS, Row, Table, percent
from dropgrid.store.evaluations import SHARE

ROOM = 3000
"""Characters of notes that fit under a table on its page; more of them follow it as text that runs on."""


def markdown(table: Table) -> str:
    """A pipe table for each block, aligned in the source too, under the question and above the notes; then the rest."""
    shown = columns(table)
    parts = [f"# {markdown_text(table.title)}", markdown_text(table.question)]
    for block, rows in table.blocks:
        if block.factors:
            parts.append(f"## {markdown_text(block.label)}")
        parts.append(pipe_table(shown, rows))
    parts.append("\n".join(f"- {markdown_text(note)}" for note in notes(table)))
    for section in sections.sections(table):
        lines = [[markdown_text(text) for text in line] for line in section.lines]
        parts += [f"## {section.title}", aligned(lines, [i < section.left for i in range(len(lines[0]))])]
        parts.append(markdown_text(section.note))
    for evaluation in apart(table.rows):
        for block, rows in table.blocks:
            heading = f"{evaluation} ({block.label})" if block.factors else evaluation
            lines = [[markdown_text(text) for text in line] for line in lines_of(rows, evaluation)]
            if len(lines) > 1:
                parts += [f"## {markdown_text(heading)}", aligned(lines, [True] + [False] * len(rows))]
    if plateau_width.widths(table):
        lines = [[markdown_text(text) for text in line] for line in plateau_width.rows(table)]
        parts.append(f"## {markdown_text(plateau_width.title(table))}")
        parts += [aligned(lines, [True] + [False] * (len(lines[0]) - 1)), markdown_text(plateau_width.note(table))]
    return "\n\n".join(parts) + "\n"


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


def latex(table: Table) -> str:
    """A booktabs table to \\input; blocks are separated by rules and headed by their factors."""
    shown = columns(table)
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{tex(table.question)}}}",
        f"\\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.ablation.name).strip('-')}}}",
        "\\resizebox{\\linewidth}{!}{%",
        f"\\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in shown)}}}",
        "\\toprule",
        latex_line([column.full for column in shown]),
    ]
    for block, rows in table.blocks:
        lines.append("\\midrule")
        if block.factors:
            lines.append(f"\\multicolumn{{{len(shown)}}}{{l}}{{\\emph{{{tex(block.label)}}}}} \\\\")
        for row in rows:
            first, *others = [tex(column.text(row)) for column in shown]
            lines.append(" & ".join([f"\\textbf{{{first}}}" if row.baseline else first, *others]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}}"]
    said = notes(table)
    for section in sections.brief(table):
        lines += latex_section(section)
        said = [*said, section.note]
    below = [f"{tex(note)}\\par" for note in said]
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


def latex_section(section: Section) -> list[str]:
    """A small table below the table."""
    first, *others = section.lines
    columns = "l" * section.left + "r" * (len(first) - section.left)
    begin = ["", "\\medskip", f"{tex(section.title)}\\\\", "\\resizebox{\\linewidth}{!}{%"]
    end = ["\\bottomrule", "\\end{tabular}}"]
    body = [latex_line(each) for each in others]
    return [*begin, f"\\begin{{tabular}}{{{columns}}}", "\\toprule", latex_line(first), "\\midrule", *body, *end]


def latex_line(texts: Sequence[str]) -> str:
    """A line of cells."""
    return " & ".join(tex(text) for text in texts) + " \\\\"


def as_json(table: Table) -> str:
    """Everything the table knows, numbers unrounded."""
    about = table.ablation.about
    value = {
        "name": table.ablation.name,
        "title": table.title,
        "question": about.get("question"),
        "claim": about.get("claim"),
        "metric": table.ablation.metric,
        "unit": "percent",
        "units": {name: "nats" for name in NATS if any(name in row.metrics for row in table.rows)},
        "baseline": table.ablation.baseline,
        "claims": [claim(each) for each in table.claims],
        "rows": [line(row) for row in table.rows],
        "contrasts": [contrasts.as_json(each) for each in table.contrasts],
        "ensembles": [asdict(each) for each in table.ensembles],
        "targets": [asdict(each) for each in table.targets],
        "spreads": [asdict(each) for each in table.spreads],
        "smoothness": [asdict(each) for each in table.smoothness],
        "widths": plateau_width.as_json(table),
        "notes": notes(table),
    }
    return json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def claim(judged: Judged) -> dict[str, Any]:
    """A stated claim and what came of it."""
    comparison = judged.comparison and asdict(judged.comparison)
    return {"claim": judged.claim.text, "block": judged.block, "outcome": judged.outcome, "comparison": comparison}


def line(row: Row) -> dict[str, Any]:
    """One row of table.json: accuracies in percent, differences in points, dropped fractions in percent."""
    difference = row.difference
    return {
        "row": row.name,
        "factors": dict(row.factors),
        "baseline": row.baseline,
        "n": row.sample.n,
        "planned": row.planned,
        "mean": row.sample.mean,
        "std": row.sample.std,
        "ci95": row.sample.ci95,
        "delta": difference and difference.mean,
        "delta_ci95": difference and difference.ci95,
        "p_value": difference and difference.p_value,
        "welch_ci95": row.welch,
        "correlation": row.correlation,
        "simultaneous": row.comparison and asdict(row.comparison),
        "verdict": row.verdict,
        "withheld": row.withheld,
        "published": row.published,
        "against_published": row.against,
        "differs": list(row.differs),
        "also": {metric: asdict(each) for metric, each in row.also.items()},
        "keep_prob": row.keep_prob,
        "drop_prob": None if row.keep_prob is None else round(1 - row.keep_prob, 12),
        "noise_std": row.noise_std,
        "dropped_expected": None if row.expected is None else percent(row.expected),
        "dropped_realised": None if row.realised is None else percent(row.realised),
        "flagged": [site.site for site in row.flagged],
        "metrics": dict(row.metrics),
        "parameters": row.parameters,
        "seconds": row.seconds,
        "evaluations": {name: measurement(each) for name, each in row.evaluations.items()},
    }


def measurement(found: Measurement) -> dict[str, Any]:
    """A metric of an evaluation; a share in percent."""
    sample = found.sample
    about = {"heading": found.heading, "unit": "percent" if found.unit == SHARE else found.unit or None}
    return {"n": sample.n, "mean": sample.mean, "std": sample.std, **about}


def as_csv(table: Table) -> str:
    """The same numbers as table.json, one line a row; an interval is two columns, a metric one of its own.

    Text that a spreadsheet would take for a formula has a ' before it, as OWASP advises on CSV injection.
    """
    lines = [{inert(key): inert(each) for key, each in flat(line(row)).items()} for row in table.rows]
    file = io.StringIO()
    writer = csv.DictWriter(file, dict.fromkeys(key for each in lines for key in each), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def inert(cell: Any) -> Any:
    """A cell that no spreadsheet computes; text that is a number stays one."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of table.json without nesting."""
    found: dict[str, Any] = {f"factor:{key}": value for key, value in values["factors"].items()}
    for key, value in values.items():
        if key in ("ci95", "delta_ci95", "welch_ci95"):
            low, high = value or (None, None)
            found |= {f"{key}_low": low, f"{key}_high": high}
        elif key == "published":
            found |= {f"published_{part}": (value or {}).get(part) for part in ("mean", "std")}
        elif key == "simultaneous":
            found |= {f"{key}_{part}": each for part, each in flat_interval(value or {}).items()}
        elif key == "also":
            for name, each in value.items():
                found |= {f"{name}:{part}": number for part, number in flat_interval(each).items() if part != "mean"}
        elif key == "flagged":
            found[key] = " ".join(value)
        elif key == "differs":
            found[key] = "; ".join(value)
        elif key == "metrics":
            found |= value
        elif key == "evaluations":
            for name, each in value.items():
                found |= {name: each["mean"], f"{name}:std": each["std"], f"{name}:n": each["n"]}
        elif key != "factors":
            found[key] = value
    return found


def flat_interval(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with `ci95` as two numbers."""
    low, high = values.get("ci95") or (None, None)
    return {**{key: value for key, value in values.items() if key != "ci95"}, "ci95_low": low, "ci95_high": high}


def finite(value: Any) -> Any:
    """The same with null for what JSON cannot say (NaN, infinities)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list | tuple) else value
