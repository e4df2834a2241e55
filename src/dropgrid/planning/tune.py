"""`sweep.tune=N`: every row tries N settings on validation, then trains fresh seeds with its best.

A row's settings are the first N combinations of what `ablation.tune` lists for it (`default` for the rows not named).
They are trained with seeds of their own as a sweep of its own, `<NAME>+tuning`, and judged on validation images.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.planning.overrides import key_of, parse_override
from dropgrid.store.records import read_result
from dropgrid.tasks.description import PERCENT, description_of, trains_itself

if TYPE_CHECKING:
    from dropgrid.planning.types import Plan

FIRST_SEED = 1000
"""The first seed of the trials; results have other seeds."""

SEPARATOR = " | "

Tuned = dict[str, dict[str, Any]]
"""Row -> its setting, `chosen`, and the validation score of each that was `tried`."""


def tuning_trials(rows: Mapping[str, Sequence[str]], space: Any, count: Any) -> dict[str, list[str]]:
    """Return `row | key=value, …` -> overrides, `count` trials of each row.

    Raises:
        UserError: no such count, no settings for a row, or fewer than `count`: budgets must be equal.
    """
    checks.whole_number("sweep.tune", count, 2, what="a count of settings a row", error=UserError)
    if not isinstance(space, Mapping) or not space:
        raise UserError("sweep.tune needs ablation.tune: for each row (or `default`) the keys to try and their values")
    unknown = [row for row in space if row != "default" and row not in rows]
    if unknown:
        raise UserError(f"ablation.tune names {unknown[0]!r}, which is no row; rows: {', '.join(rows)}")
    found = {}
    for row, overrides in rows.items():
        grid = space.get(row, space.get("default"))
        if not isinstance(grid, Mapping) or not all(isinstance(values, list) for values in grid.values()):
            raise UserError(f"ablation.tune has no `key: [values]` for row {row!r}, nor as `default`")
        combinations = list(islice(product(*grid.values()), count))
        if len(combinations) < count:
            raise UserError(
                f"sweep.tune={count}: row {row!r} has {len(combinations)} settings to try; every row gets as many"
            )
        for chosen in combinations:
            lines = [f"{key}={value}" for key, value in zip(grid, chosen, strict=True)]
            found[f"{row}{SEPARATOR}{', '.join(lines)}"] = with_overrides(overrides, lines)
    return found


def with_overrides(overrides: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Return a row's overrides with some keys set anew."""
    keys = {key_of(parse_override(line)) for line in lines}
    return [*(each for each in overrides if key_of(parse_override(each)) not in keys), *lines]


def tuning_seeds(sweep: Mapping[str, Any]) -> list[int]:
    """Return the seeds of the trials."""
    count = sweep["tune_seeds"]
    checks.whole_number("sweep.tune_seeds", count, 1, error=UserError)
    return list(range(FIRST_SEED, FIRST_SEED + count))


def refuse_without_choice(plan: "Plan") -> None:
    """Refuse trials of a training of one's own that does not say by which number settings are chosen."""
    if trains_itself(plan.cells[0].config) and not description_of(plan.about).chosen_by:
        raise UserError("sweep.tune chooses settings on validation: task.chosen_by names the number to choose by")


def best_settings(plan: "Plan") -> Tuned:
    """Return each row's setting with the best mean validation score, the first of equals.

    Raises:
        UserError: a row none of whose settings has all its trials finished.
    """
    task = description_of(plan.about)
    metric, shown = task.selecting(plan.about["metric"]), 100 if task.unit == PERCENT else 1
    scores: dict[str, dict[str, list[float]]] = {}
    for cell in plan.cells:
        row, _, setting = cell.row.partition(SEPARATOR)
        result = read_result(cell.run) or {}
        value = result.get("metrics", {}).get(metric)
        scores.setdefault(row, {}).setdefault(setting, []).append(math.nan if value is None else shown * value)
    found = {}
    for row, settings in scores.items():
        means = {setting: math.fsum(values) / len(values) for setting, values in settings.items()}
        finished = {setting: mean for setting, mean in means.items() if not math.isnan(mean)}
        if not finished:
            raise UserError(f"row {row!r} cannot be tuned: none of its trials has {metric}; see {plan.name}")
        tried = {setting: None if math.isnan(mean) else round(mean, 4) for setting, mean in means.items()}
        best = (min if task.lower_is_better else max)(finished.values())
        found[row] = {"chosen": next(each for each, mean in finished.items() if mean == best), "tried": tried}
    return found


def setting_overrides(text: str) -> list[str]:
    """Return the overrides of a setting as `tuning_trials` names it."""
    return text.split(", ")
