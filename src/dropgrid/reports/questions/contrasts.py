"""Contrasts that an ablation asks for: linear combinations of its rows, seed by seed.

contrasts: {interaction: (both - batchnorm) - (dropout - none)}
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from dropgrid.errors import UserError
from dropgrid.reports.comparisons import complete, percents
from dropgrid.reports.linear_combinations import Weights, weights
from dropgrid.reports.predictions import Correct, correct
from dropgrid.statistics.dunnett import Comparison, compare, examples_covariance
from dropgrid.statistics.samples import Difference, paired
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell

IT, NOTHING = "contrast", "nothing"


@dataclass(frozen=True)
class Contrast:
    """A contrast in a block: its values by seed in points, their statistics, and its part of the family.

    `comparison` judges all contrasts of the block at once; intervals are None where `withheld` says why.
    """

    name: str
    formula: str
    weights: Weights
    factors: Mapping[str, str]
    values: Mapping[int, float]
    difference: Difference
    comparison: Comparison | None
    withheld: str | None


def parse(asked: Any, rows: Sequence[str] | Mapping[str, Any]) -> dict[str, tuple[str, Weights]]:
    """Name -> (formula, weights) of `ablation.contrasts`; UserError names one that is no contrast of the rows."""
    if not isinstance(asked, Mapping):
        raise UserError(f"ablation.contrasts maps names to formulas such as 'dropout - baseline', got {asked!r}")
    return {
        str(name): (str(formula), weights(str(formula), rows, f"contrast {str(name)!r}, {str(formula)!r}"))
        for name, formula in asked.items()
    }


def contrasts(ablation: Ablation) -> list[Contrast]:
    """Every contrast in every block; empty where none is asked for."""
    asked = ablation.about.get("contrasts")
    return [each for block in ablation.blocks for each in block_contrasts(ablation, block, asked)] if asked else []


def block_contrasts(ablation: Ablation, block: Block, asked: Any) -> list[Contrast]:
    """The contrasts of one block; all that are asked for count as its family, whatever cells are there."""
    stated = parse(asked, block.rows)
    whole = {name: cells for name, cells in block.rows.items() if complete(cells, ablation.metric)}
    ready = {name: each for name, (_, each) in stated.items() if all(row in whole for row, _ in each)}
    judged = judge(whole, ablation.metric, list(ready.values()), 1 - ablation.alpha, len(stated))
    compared = dict(zip(ready, judged, strict=True))
    found = []
    for name, (formula, each) in stated.items():
        values = by_seed({row: percents(block.rows[row], ablation.metric) for row, _ in each}, each)
        difference = paired(values, dict.fromkeys(values, 0.0))
        why = "incomplete" if name not in ready else "fewer than 2 shared seeds" if difference.n < 2 else None
        if why:
            difference = replace(difference, ci95=None, p_value=None)
        found.append(Contrast(name, formula, each, block.factors, values, difference, compared.get(name), why))
    return found


def by_seed(values: Mapping[str, Mapping[int, float]], combined: Weights) -> dict[int, float]:
    """Σ weight · value(row, seed), for each seed that all its rows have."""
    return {seed: sum(weight * values[row][seed] for row, weight in combined) for seed in shared(values, combined)}


def shared(values: Mapping[str, Mapping[int, Any]], combined: Weights) -> list[int]:
    """The seeds that all rows of a combination have."""
    return sorted(set.intersection(*(set(values[row]) for row, _ in combined)))


def judge(
    rows: Mapping[str, Sequence[Cell]], metric: str, combined: Sequence[Weights], confidence: float, family: int
) -> list[Comparison | None]:
    """Combinations of complete rows, as `family` that hold together; None for one with fewer than 2 shared seeds.

    Each is judged by its own values at the seeds, c(s) = Σ weight · value(row, s), as a pair of rows is, c against 0
    (`dunnett.compare`): the paired t-test, to which the choice of test images adds its variance where the cells have
    predictions. Its interval is at level confidence^(1 / family). No spread is borrowed from other rows.

    Source: Šidák, JASA 62, 1967 and Ann. Math. Stat. 42, 1971 (for Student's t with a spread of its own each).
    """
    right = correct(rows, metric) if combined else None
    values = {name: percents(cells, metric) for name, cells in rows.items()}
    found: list[Comparison | None] = []
    for each in combined:
        own = by_seed(values, each)
        images = None if right is None or len(own) < 2 else examples_variance(right, each)
        against = {IT: own, NOTHING: dict.fromkeys(own, 0.0)}
        compared = compare(against, [(IT, NOTHING)], images, confidence ** (1 / family))
        found.append(replace(compared[0], family=family) if compared else None)
    return found


def examples_variance(right: Correct, combined: Weights) -> np.ndarray:
    """What the choice of test images adds to the variance of a combination, in points², as (1, 1)."""
    parts = {s: [weight * right[row][s].astype(float) for row, weight in combined] for s in shared(right, combined)}
    own = {seed: np.sum(each, axis=0) for seed, each in parts.items()}
    none = {seed: np.zeros_like(each) for seed, each in own.items()}
    return examples_covariance({IT: own, NOTHING: none}, [(IT, NOTHING)])


def as_json(contrast: Contrast) -> dict[str, Any]:
    """A contrast in table.json: points, unrounded."""
    return {
        "contrast": contrast.name,
        "formula": contrast.formula,
        "weights": dict(contrast.weights),
        "factors": dict(contrast.factors),
        "n": contrast.difference.n,
        "values": {str(seed): value for seed, value in contrast.values.items()},
        "mean": contrast.difference.mean,
        "std": contrast.difference.std,
        "ci95": contrast.difference.ci95,
        "p_value": contrast.difference.p_value,
        "simultaneous": contrast.comparison and asdict(contrast.comparison),
        "withheld": contrast.withheld,
    }
