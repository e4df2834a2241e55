"""`sweep.tune=N`: every row tries N settings on validation, then trains fresh seeds with its best.

A row's settings are the first N combinations of what `ablation.tune` lists for it (`default` for the rows not named).
They are trained with seeds of their own as a sweep of its own, `<NAME>+tuning`, and judged on validation images.

`sweep.tune_halving=true` is successive halving (Jamieson, Talwalkar, AISTATS 2016): all N are trained for few epochs,
the better half again from the start for twice as many, until one is left; the last round has half the epochs of a row.
A round is a sweep, `<NAME>+tuning_1` and so on, so each is resumed, skipped when finished and reported as any other.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product
from typing import Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.planning.overrides import key_of, parse_override
from dropgrid.planning.types import Plan, Tuned
from dropgrid.store.records import read_result
from dropgrid.tasks.description import PERCENT, description_of, trains_itself

FIRST_SEED = 1000
"""The first seed of the trials; results have other seeds."""

SEPARATOR = " | "


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


def refuse_without_choice(plan: Plan) -> None:
    """Refuse trials without validation: a training of one's own that does not say by which number settings are chosen,
    and data whose validation images are the test images, or none.
    """
    if trains_itself(plan.cells[0].config):
        if not description_of(plan.about).chosen_by:
            raise UserError("sweep.tune chooses settings on validation: task.chosen_by names the number to choose by")
        return
    from dropgrid import build  # here: a mistake on the command line is to be told before torch is imported

    for cell in plan.cells:
        val = cell.config["data"].get("val")
        none = val == 0 and not build.source(cell.config, cell.local).spec().val  # a folder of images may have its own
        if none or val == "test":
            raise UserError(
                f"sweep.tune chooses settings on validation images, and with data.val={val} (row {cell.row!r}) these "
                f"are {'none' if none else 'the test images'}; set data.val to a number of images"
            )


def round_count(sweep: Mapping[str, Any]) -> int:
    """Return how many rounds of halving leave one setting; 0 without halving."""
    halving = checks.boolean("sweep.tune_halving", sweep["tune_halving"], error=UserError)
    if halving and sweep["tune"] is None:
        raise UserError("sweep.tune_halving=true halves the settings of sweep.tune=N: set both")
    return (sweep["tune"] - 1).bit_length() if halving else 0


def round_trials(
    trials: Mapping[str, Sequence[str]], tuned: Tuned, rounds: int, epochs: Callable[[Sequence[str]], int]
) -> dict[str, Sequence[str]]:
    """Return the trials of the next round: the settings that are left, with fewer epochs than the row if it halves.

    Args:
        trials: those of all settings, as `tuning_trials` returns them.
        tuned: what the rounds before left; empty before the first.
        rounds: of halving, how many there are; 0 if it does not halve.
        epochs: returns how many epochs some overrides train for.
    """
    left = [trial for trial in trials if not tuned or trial.partition(SEPARATOR)[2] in remaining(trial, tuned)]
    if not rounds:
        return {trial: trials[trial] for trial in left}
    found: dict[str, Sequence[str]] = {}
    parts = 2 ** (rounds - played(tuned))
    for trial in left:
        whole = epochs(trials[trial])
        if whole < 2**rounds:
            raise UserError(
                f"sweep.tune_halving: {trial} trains for {whole} epochs; {rounds} rounds need {2**rounds} at least"
            )
        found[trial] = with_overrides(trials[trial], [f"trainer.max_epochs={math.ceil(whole / parts)}"])
    return found


def remaining(trial: str, tuned: Tuned) -> Sequence[str]:
    """Return the settings of a trial's row that are to be tried again: none if one is left."""
    left: Sequence[str] = tuned[trial.partition(SEPARATOR)[0]]["left"]
    return left if len(left) > 1 else ()


def played(tuned: Tuned) -> int:
    """Return how many rounds there were."""
    return max((len(each["rounds"]) for each in tuned.values()), default=0)


def is_settled(tuned: Tuned) -> bool:
    """Predicate: every row has one setting left."""
    return bool(tuned) and all(len(each["left"]) == 1 for each in tuned.values())


def judged(plan: Plan, tuned: Tuned) -> Tuned:
    """Return what finished trials leave of each row's settings: the best by mean validation score, of equals the first.

    Args:
        plan: the trials.
        tuned: what the rounds before left; empty before the first.

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
    found = dict(tuned)
    for row, settings in scores.items():
        means = {setting: math.fsum(values) / len(values) for setting, values in settings.items()}
        finished = {setting: mean for setting, mean in means.items() if not math.isnan(mean)}
        if not finished:
            raise UserError(f"row {row!r} cannot be tuned: none of its trials has {metric}; see {plan.name}")
        best_first = sorted(finished, key=lambda each: finished[each] * (1 if task.lower_is_better else -1))
        before = tuned.get(row, {"tried": {}, "rounds": []})
        tried = {setting: None if math.isnan(mean) else round(mean, 4) for setting, mean in means.items()}
        found[row] = {
            "left": best_first[: math.ceil(len(settings) / 2) if round_count(plan.sweep) else 1],
            "tried": {**before["tried"], **tried},
            "rounds": [*before["rounds"], len(settings)],
        }
    return found


def recorded(tuned: Tuned, rounds: int) -> dict[str, dict[str, Any]]:
    """Return what a table says of settled rows: the `chosen` setting, all that were `tried`, and rounds of halving."""
    return {
        row: {"chosen": each["left"][0], "tried": each["tried"], **({"rounds": each["rounds"]} if rounds else {})}
        for row, each in tuned.items()
    }


def setting_overrides(text: str) -> list[str]:
    """Return the overrides of a setting as `tuning_trials` names it."""
    return text.split(", ")
