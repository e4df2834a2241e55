"""`ablation.match`: rows compared at one dose. Each row's keep_prob is solved for it before anything trains.

The dose of a row as planned is that of its report (`dropgrid.treatment.dose`), of the closed forms that the drop-rate
check expects, at the shapes of the row's network and over the steps of its schedule. It depends on no random number.
Needs torch: imported only if an ablation asks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from dropgrid import build, checks, sites
from dropgrid.data.source import Spec
from dropgrid.errors import UserError, did_you_mean
from dropgrid.measure import training_setup
from dropgrid.planning.fingerprints import as_user_error
from dropgrid.planning.tune import with_overrides
from dropgrid.store.cell import regularizers_of
from dropgrid.treatment import DROPPED, dose

GRID = 10_000
"""A solved keep_prob has 4 digits."""

TOLERANCE = 0.02
"""The largest part of a dose that these digits may miss."""

STEPS = 1000
"""A longer schedule is averaged over this many steps, evenly spaced from its first to its last."""

DIGITS = 12
"""Doses are compared after rounding: the last bits of a closed form are the machine's."""

Resolve = Callable[[str, Sequence[str]], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""A function from a row's name and overrides to its config, as hashed, and what is about its place."""


@dataclass(frozen=True)
class Match:
    """What an ablation wants matched: a dose in (0, 1), or the row that has it; None: every row that drops."""

    dose: float | str
    rows: Sequence[str] | None


def parse_match(node: Any, rows: Mapping[str, Sequence[str]]) -> Match:
    """Return `ablation.match`; UserError for a key, a dose or a row that cannot be meant."""
    if not isinstance(node, Mapping) or "dose" not in node or not set(node) <= {"dose", "rows"}:
        raise UserError(
            f"ablation.match is a mapping {{dose: ROW or number, rows: [ROW, …] or left out}}, got {node!r}"
        )
    target, wanted = node["dose"], node.get("rows")
    if not isinstance(target, str):
        what = "a row or a fraction dropped"
        target = checks.number("ablation.match.dose", target, above=0, below=1, what=what, error=UserError)
    if wanted is not None and (not isinstance(wanted, list) or not wanted):
        raise UserError(f"ablation.match.rows lists rows, as in [dropout, dropblock], got {wanted!r}")
    named = {"dose": [target] if isinstance(target, str) else [], "rows": wanted or []}
    for key, names in named.items():
        for name in names:
            if name not in rows:
                raise UserError(
                    f"ablation.match.{key} names {name!r}, which is no row{did_you_mean(str(name), [*rows])}; "
                    f"rows: {', '.join(rows)}"
                )
    return Match(target, wanted)


def match_doses(match: Match, rows: Mapping[str, Sequence[str]], resolve: Resolve) -> dict[str, dict[str, Any]]:
    """Return what was solved, by row: the `override` that sets its keep_prob, and the `dose` that it then has.

    Raises:
        UserError: a row to match has no keep_prob, drops nothing, or cannot reach the dose.
    """
    target = match.dose if isinstance(match.dose, float | int) else dose_of_row(match.dose, rows[match.dose], resolve)
    found = {}
    for row, overrides in rows.items():
        config, local = resolve(row, overrides)
        chosen = {key: node for key, node in regularizers_of(config).items() if node.get("option") != "none"}
        if row == match.dose or (not chosen if match.rows is None else row not in match.rows):
            continue
        key = solved_key(row, chosen)
        with about_row(row):
            dose_at = doses(key, spec_of(config, local), partial(resolve, row), overrides)
            keep_prob = solve(dose_at, round(target, DIGITS))
            found[row] = {"override": f"{key}={keep_prob}", "dose": dose_at(keep_prob)}
    return found


def doses(
    key: str, spec: Spec, resolve: Callable[[Sequence[str]], tuple[Mapping[str, Any], Any]], overrides: Sequence[str]
) -> Callable[[float], float]:
    """Return keep_prob -> the dose of a row with that value of a key; the shapes of its sites are found once."""

    def config_at(keep_prob: float) -> Mapping[str, Any]:
        return resolve(with_overrides(overrides, [f"{key}={keep_prob}"]))[0]

    shapes = site_shapes(config_at(1 / GRID), spec)

    @cache
    def dose_at(keep_prob: float) -> float:
        return round(expected_dose(config_at(keep_prob), spec, shapes) or 0.0, DIGITS)

    return dose_at


@contextmanager
def about_row(row: str) -> Iterator[None]:
    """Name the row in what goes wrong with its options or its dose."""
    try:
        yield
    except (UserError, ValueError) as error:
        raise UserError(f"row {row!r}: {error}") from error


def dose_of_row(row: str, overrides: Sequence[str], resolve: Resolve) -> float:
    """Return the expected dose of a row as it stands; UserError if it drops nothing."""
    config, local = resolve(row, overrides)
    with about_row(row):
        spec = spec_of(config, local)
        found = expected_dose(config, spec, site_shapes(config, spec))
    if not found:
        raise UserError(f"ablation.match.dose: row {row!r} drops nothing and has no dose; name another row or a number")
    return found


def solved_key(row: str, chosen: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the key whose value is solved: the keep_prob of the one regularizer that has one; UserError otherwise."""
    if not chosen:
        raise UserError(f"row {row!r} has no regularizer, hence no dose; take it out of ablation.match.rows")
    keys = [f"{key}.keep_prob" for key, node in chosen.items() if "keep_prob" in node]
    if not keys:
        options = ", ".join(f"{key}={node.get('option')}" for key, node in chosen.items())
        raise UserError(
            f"row {row!r}: {options} has no keep_prob, hence no dose; list the rows to match without it: "
            f"ablation.match.rows=[ROW,…]"
        )
    if len(keys) > 1:
        raise UserError(
            f"row {row!r} has {' and '.join(keys)}, and one can be solved; leave it out of ablation.match.rows"
        )
    if f"{keys[0].rpartition('.')[2]}=" in row:
        raise UserError(
            f"row {row!r} is named by its keep_prob, which ablation.match would replace; "
            f"leave it out of ablation.match.rows, or write the row without a list of keep_probs"
        )
    return keys[0]


def solve(dose_at: Callable[[float], float], target: float) -> float:
    """Return the keep_prob of 4 digits whose dose is closest to the target, by bisection: doses fall as it rises.

    Raises:
        UserError: no keep_prob from 0.0001 to 1 has that dose, or none of 4 digits comes within 2 % of it.
    """
    most, least = dose_at(1 / GRID), dose_at(1.0)
    if not least <= target <= most:
        raise UserError(
            f"no keep_prob has the dose {target:.4g}; the smallest here is {least:.4g}, the largest {most:.4g}: "
            f"choose ablation.match.dose between them, or leave the row out of ablation.match.rows"
        )
    low, high = 1, GRID
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if dose_at(middle / GRID) >= target else (low, middle)
    found = min(low, high, key=lambda each: (round(abs(dose_at(each / GRID) - target), DIGITS), each))
    if abs(dose_at(found / GRID) - target) > TOLERANCE * target:
        raise UserError(
            f"no keep_prob of 4 digits comes within {100 * TOLERANCE:g} % of the dose {target:.4g}; choose a larger one"
        )
    return found / GRID


def expected_dose(config: Mapping[str, Any], spec: Spec, shapes: Mapping[str, Sequence[int]]) -> float | None:
    """Return the dose that a config is expected to have, as a fraction; None if nothing drops.

    Args:
        config: as it is hashed.
        spec: of its data.
        shapes: site -> (C, …), of `site_shapes`.
    """
    steps = min(STEPS, optimizer_steps(config, spec))
    found = sites.drops(meta_network(config, spec))
    dropping = {site: drop for site, drop in found.items() if drop.counts == DROPPED and site in shapes}
    lines = [
        {"shape": shapes[site], "expected": mean_expected(drop, shapes[site], steps)} for site, drop in dropping.items()
    ]
    return dose(lines, "expected")


def site_shapes(config: Mapping[str, Any], spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what the sites of a config's network count."""
    return sites.shapes(meta_network(config, spec), (spec.channels, *spec.size))


def meta_network(config: Mapping[str, Any], spec: Spec) -> torch.nn.Module:
    """Return the network of a config without memory: on the meta device."""
    with torch.device("meta"):
        return build.network(config, spec)


def mean_expected(drop: sites.AbstractRandom, shape: Sequence[int], steps: int) -> float:
    """Return a site's expected fraction, the mean over the steps of its schedule."""
    levels, times = drop.levels_over(steps, steps)
    return float(np.average(drop.expected(shape, levels), weights=times))


def optimizer_steps(config: Mapping[str, Any], spec: Spec) -> int:
    """Return the number of optimizer steps of a config's training."""
    trainer, size = config["trainer"], config["data"]["batch_size"]
    size = spec.train if size == "all" else size
    limit, micro, epochs = (trainer[key] for key in ("limit_train_batches", "accumulate_grad_batches", "max_epochs"))
    steps = training_setup.optimizer_steps(spec.train, size, limit, micro, epochs)
    return min(steps, trainer["max_steps"]) if trainer.get("max_steps", -1) > 0 else steps


def spec_of(config: Mapping[str, Any], local: Mapping[str, Any]) -> Spec:
    """Return the sizes of a config's data."""
    with as_user_error("data: "):
        return build.source(config, local).spec()
