"""The columns of a table of runs that others trained: what they hold, by name if it is not said, and their values."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dropgrid import checks
from dropgrid.errors import UserError, did_you_mean
from dropgrid.tasks.description import PERCENT

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = {
    "row": ("row", "method", "model", "variant", "algorithm", "regularizer", "optimizer", "config", "name", "group"),
    "seed": ("seed", "random_seed", "rng_seed", "run_seed", "random_state"),
    "metric": ("test/acc", "test_acc", "test_accuracy", "accuracy", "acc", "val_acc", "val_accuracy", "score"),
    "baseline": ("baseline", "none", "control", "default", "vanilla", "base"),
}
"""What columns, and the row that others are compared with, are often called; the first that is there is taken."""

SHARES = re.compile(
    r"acc|f1|auc|iou|dice|precision|recall|(^|[_/ ])m?ap($|[_/@ ])|top.?\d|rate|score|share", re.IGNORECASE
)
"""Names of metrics whose values from 0 to 1 are shares, to be read in percent."""

LOWER = re.compile(r"loss|nll|error|perplexity|ppl|fid|mse|mae|rmse|ece|brier|(^|[_/ ])wer", re.IGNORECASE)
"""Names of metrics of which less is better, as a rule."""

UNITS = ("percent", "fraction", "none")


def chosen_columns(frame: "DataFrame", what: str, given: str | Sequence[str] | None, said: list[str]) -> list[str]:
    """Return the columns given, or the one guessed, with a sentence that says so."""
    columns = list(frame.columns)
    if given:
        names = [given] if isinstance(given, str) else [*given]
        for name in names:
            if name not in columns:
                raise UserError(f"no column {name!r}{did_you_mean(name, columns)}; there are: {', '.join(columns)}")
        return names
    texts = [name for name in columns if not is_numeric(frame[name]) and 1 < frame[name].nunique() < len(frame)]
    found = known_column(columns, what) or (texts[0] if len(texts) == 1 else None)
    if found is None:
        raise UserError(f"which column names the {what}? --{what} one of: {', '.join(columns)}")
    said.append(f"{what.capitalize()}s are the values of {found}.")
    return [found]


def seed_column(frame: "DataFrame", given: str | None, said: list[str]) -> str | None:
    """Return the column of seeds; None if there is none, and a sentence that says so."""
    columns = list(frame.columns)
    if given is not None:
        return chosen_columns(frame, "seed", given, said)[0]
    found = known_column(columns, "seed")
    said.append(
        f"Seeds are in {found}." if found else "No column of seeds (--seed COLUMN): runs are compared unpaired."
    )
    return found


def metric_column(frame: "DataFrame", given: str | None, taken: set[str | None], said: list[str]) -> str:
    """Return the column of results."""
    if given is not None:
        return chosen_columns(frame, "metric", given, said)[0]
    numeric = [name for name in frame.columns if name not in taken and is_numeric(frame[name])]
    found = known_column(numeric, "metric") or (numeric[0] if len(numeric) == 1 else None)
    if found is None:
        raise UserError(f"which column is the metric? --metric one of: {', '.join(numeric or map(str, frame.columns))}")
    said.append(f"The metric is {found}.")
    return found


def baseline_row(names: Sequence[str], given: str | None, said: list[str]) -> str:
    """Return the row that the others are compared with."""
    if given is not None:
        if given not in names:
            raise UserError(f"no row {given!r}{did_you_mean(given, names)}; rows: {', '.join(names)}")
        return given
    found = known_column(names, "baseline")
    if found is None:
        raise UserError(f"which row is the baseline? --baseline one of: {', '.join(names)}")
    said.append(f"The baseline is {found}.")
    return found


def known_column(names: Sequence[str], what: str) -> str | None:
    """Return the first of some names that is what something is often called, whatever comes before its last dot."""
    last = {name.rpartition(".")[2].lower(): name for name in reversed(names)}
    return next((last[each] for each in NAMES[what] if each in last), None)


def unit_of(metric: str, values: Sequence[float], given: str | None, said: list[str]) -> tuple[float, str]:
    """Return the number by which values are divided to be kept, and the unit in which they are shown."""
    within = bool(values) and min(values) >= 0
    if given is None:
        given = "none"
        if within and SHARES.search(metric) and not LOWER.search(metric):
            given = "fraction" if max(values) <= 1 else "percent" if max(values) <= 100 else "none"
        told = {"fraction": "fractions, shown in percent", "percent": "in percent", "none": "without a unit"}
        said.append(f"Values of {metric} are taken to be {told[given]} (--unit).")
    checks.one_of("unit", given, UNITS, error=UserError)
    if given != "none" and not (within and max(values) <= (1 if given == "fraction" else 100)):
        raise UserError(f"unit={given}: {metric} goes from {min(values):g} to {max(values):g}")
    return (1.0 if given == "fraction" else 100.0, PERCENT) if given != "none" else (1.0, "")


def number(value: Any, column: str) -> float | None:
    """Return a value as a number; None for a missing one. Not a number, as of a run that diverged, is missing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = value.strip().removesuffix("%") if isinstance(value, str) else value
    try:
        found = float(text)
    except (TypeError, ValueError) as error:
        raise UserError(f"{column} has {value!r}, which is no number") from error
    return found if math.isfinite(found) else None


def seed_number(value: Any, column: str) -> int:
    """Return a seed as a whole number."""
    found = number(value, column)
    if found is None or found != int(found):
        raise UserError(f"{column} has {value!r}, which is no seed: whole numbers are")
    return int(found)


def text_of(value: Any) -> str:
    """Return a value of a column as the name of a row: 0.5 and 0.50 are one, a missing one is `none`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_numeric(column: Any) -> bool:
    """Predicate: a column holds numbers, or what can be read as such."""
    if column.dtype.kind in "iuf":
        return True
    from pandas import to_numeric

    if column.dtype.kind != "O":
        return False
    known = column.dropna()
    return len(known) > 0 and bool(to_numeric(known, errors="coerce").notna().all())


def two_values(frame: "DataFrame", index: int, name: str, seed: str, known: set[str | None]) -> str:
    """Return what to say of two lines of one row and seed."""
    others = [str(each) for each in frame.columns if each not in known and frame[each].nunique() > 1]
    of = ", ".join(others[:8])
    more = f": add to --row or --by what tells them apart, of {of}; --image if a line is one image" if others else ""
    return f"line {index + 1}: there are two runs of row {name!r} with {seed}{more}"
