"""table.csv: the rows of table.json, one per line."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from dropgrid.printable import printable
from dropgrid.reports.formats.json import row_values
from dropgrid.reports.table import Table

SIGNS = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "＋", "－", "＠")
"""A text that begins with one is a formula to some spreadsheet; the wide ones are in East Asia."""


def render(table: Table) -> str:
    """Return table.csv: the numbers of table.json, one row per line; an interval is two columns, a metric one.

    Text that a spreadsheet would take for a formula has a ' before it, as OWASP advises on CSV injection: Excel,
    LibreOffice and Google Sheets show the text, pandas reads it with the '. Numbers, negative ones too, stay numbers.
    """
    lines = [
        {escape_formula(key): escape_formula(each) for key, each in flatten_row(row_values(row)).items()}
        for row in table.rows
    ]
    file = io.StringIO()
    writer = csv.DictWriter(file, dict.fromkeys(key for each in lines for key in each), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def escape_formula(cell: Any) -> Any:
    """Return a cell in one line that no spreadsheet computes; a text that is a number stays one."""
    if not isinstance(cell, str):
        return cell
    text = " ".join(printable(cell).split("\n"))
    if not text.startswith("\t") and not text.lstrip().startswith(SIGNS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def flatten_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of table.json without nesting."""
    found: dict[str, Any] = {f"factor:{key}": value for key, value in values["factors"].items()}
    for key, value in values.items():
        if key in ("ci95", "delta_ci95", "welch_ci95"):
            low, high = value or (None, None)
            found |= {f"{key}_low": low, f"{key}_high": high}
        elif key == "published":
            found |= {f"published_{part}": (value or {}).get(part) for part in ("mean", "std")}
        elif key in ("simultaneous", "trained"):
            found |= {f"{key}_{part}": each for part, each in flatten_interval(value or {}).items()}
        elif key == "outperforms":
            share, (low, high), n = value or (None, (None, None), None)
            found |= {key: share, f"{key}_ci95_low": low, f"{key}_ci95_high": high, f"{key}_n": n}
        elif key == "iqm":
            mean, (low, high) = value or (None, (None, None))
            found |= {key: mean, f"{key}_ci95_low": low, f"{key}_ci95_high": high}
        elif key == "also":
            for name, each in value.items():
                found |= {f"{name}:{part}": number for part, number in flatten_interval(each).items() if part != "mean"}
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


def flatten_interval(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with each interval as two numbers, and those of a mapping under their own names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{key}_{part}": each for part, each in flatten_interval(value).items()}
        elif key in ("ci95", "inner", "interval"):
            low, high = value or (None, None)
            found |= {f"{key}_low": low, f"{key}_high": high}
        else:
            found[key] = value
    return found
