"""The table as Markdown, CSV, LaTeX and JSON."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dropgrid.reports.columns import Column, columns
from dropgrid.reports.evaluations import SHARE, Measurement
from dropgrid.reports.notes import notes
from dropgrid.reports.table import NATS, Row, Table, percent

LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "]": "{]}"},
    **{"±": r"$\pm$", "−": "$-$", "→": r"$\to$", "×": r"$\times$", "–": "--", "“": "``", "”": "''", "’": "'"},
}
"""What pdfLaTeX would misread, or lacks: brackets after a line's end would be its optional argument."""


def markdown(table: Table) -> str:
    """A pipe table for each block, aligned in the source too, under the question and above the notes."""
    shown = columns(table)
    parts = [f"# {markdown_text(table.title)}", markdown_text(table.question)]
    for block, rows in table.blocks:
        if block.factors:
            parts.append(f"## {markdown_text(block.label)}")
        parts.append(pipe_table(shown, rows))
    parts.append("\n".join(f"- {markdown_text(note)}" for note in notes(table)))
    return "\n\n".join(parts) + "\n"


def pipe_table(shown: Sequence[Column], rows: Sequence[Row]) -> str:
    """One block's lines, padded so that the bars stand in columns; the baseline in bold."""
    lines = [[column.full for column in shown]]
    for row in rows:
        texts = [markdown_text(column.text(row)) for column in shown]
        lines.append([f"**{texts[0]}**" if row.baseline else texts[0], *texts[1:]])
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(shown))]
    rule = [
        "-" * width if column.left else "-" * (width - 1) + ":" for column, width in zip(shown, widths, strict=True)
    ]
    padded = [
        [
            text.ljust(width) if column.left else text.rjust(width)
            for column, text, width in zip(shown, line, widths, strict=True)
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is; underscores inside a word need no escape."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\`*|~])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def latex(table: Table) -> str:
    """A booktabs table to \\input; blocks are separated by rules and headed by their factors."""
    shown = columns(table)
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{latex_text(table.question)}}}",
        f"\\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.ablation.name).strip('-')}}}",
        "\\resizebox{\\linewidth}{!}{%",
        f"\\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in shown)}}}",
        "\\toprule",
        latex_line([column.full for column in shown]),
    ]
    for block, rows in table.blocks:
        lines.append("\\midrule")
        if block.factors:
            lines.append(f"\\multicolumn{{{len(shown)}}}{{l}}{{\\emph{{{latex_text(block.label)}}}}} \\\\")
        for row in rows:
            first, *others = [latex_text(column.text(row)) for column in shown]
            lines.append(" & ".join([f"\\textbf{{{first}}}" if row.baseline else first, *others]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}}", "", "\\medskip", "\\begin{minipage}{\\linewidth}\\footnotesize"]
    lines += [f"{latex_text(note)}\\par" for note in notes(table)]
    return "\n".join([*lines, "\\end{minipage}", "\\end{table}"]) + "\n"


def latex_line(texts: Sequence[str]) -> str:
    """A line of headings."""
    return " & ".join(latex_text(text) for text in texts) + " \\\\"


def latex_text(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))


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
        "units": dict.fromkeys(NATS, "nats"),
        "baseline": table.ablation.baseline,
        "rows": [line(row) for row in table.rows],
        "notes": notes(table),
    }
    return json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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
        "verdict": row.verdict,
        "withheld": row.withheld,
        "published": row.published,
        "keep_prob": row.keep_prob,
        "drop_prob": None if row.keep_prob is None else round(1 - row.keep_prob, 12),
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
    """The same numbers as table.json, one line a row; an interval is two columns, a metric one of its own."""
    lines = [flat(line(row)) for row in table.rows]
    file = io.StringIO()
    writer = csv.DictWriter(file, dict.fromkeys(key for each in lines for key in each), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of table.json without nesting."""
    found: dict[str, Any] = {f"factor:{key}": value for key, value in values["factors"].items()}
    for key, value in values.items():
        if key in ("ci95", "delta_ci95"):
            low, high = value or (None, None)
            found |= {f"{key}_low": low, f"{key}_high": high}
        elif key == "published":
            found |= {f"published_{part}": (value or {}).get(part) for part in ("mean", "std")}
        elif key == "flagged":
            found[key] = " ".join(value)
        elif key == "metrics":
            found |= value
        elif key == "evaluations":
            for name, each in value.items():
                found |= {name: each["mean"], f"{name}:std": each["std"], f"{name}:n": each["n"]}
        elif key != "factors":
            found[key] = value
    return found


def finite(value: Any) -> Any:
    """The same with null for what JSON cannot say (NaN, infinities)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list | tuple) else value
