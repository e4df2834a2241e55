"""table.csv: the rows of table.json, a line each."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from dropgrid.reports.formats.json import row_values
from dropgrid.reports.table import Table


def render(table: Table) -> str:
    """The numbers of table.json, one line a row; an interval is two columns, a metric one of its own.

    Text that a spreadsheet would take for a formula has a ' before it, as OWASP advises on CSV injection.
    """
    lines = [{inert(key): inert(each) for key, each in flat(row_values(row)).items()} for row in table.rows]
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
    """Values with `ci95` as two numbers."""
    low, high = values.get("ci95") or (None, None)
    return {**{key: value for key, value in values.items() if key != "ci95"}, "ci95_low": low, "ci95_high": high}
