"""Claims that an ablation states before it trains: `dropblock - baseline > 0`, `(a - b) - (c - d) < 0`.

They are about the headline, or about what they name: `cutout - dropout > 0 in noise/gaussian_noise_0.2`, a metric of an
evaluation that the ablation asks for (`evaluate:`), or of a result (`train/acc`). A difference of two metrics may be
claimed of one row: `dropout > 0 in monte_carlo/acc_64 - monte_carlo/acc_1`. `batch - group > 0 in
deviation[epoch=1]/val/acc` compares spreads over seeds: the mean distance from the row's median, after one epoch.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports.comparisons import DEVIATION, PHASES, metrics_of
from dropgrid.reports.linear_combinations import Weights, parse_weights

FORM = re.compile(r"(?P<formula>.+) (?P<sign>[<>]) (?P<bound>[-+]?\d+(?:\.\d+)?)(?: in (?P<metric>\S+(?: - \S+)?))?")
PAIR = re.compile(r"(?P<one>.+?) - (?P<other>.+)")


@dataclass(frozen=True)
class Claim:
    """The statement that a combination of the rows' means is above (`>`) or below (`<`) a bound.

    The bound is in the unit of `metric` (or of a difference of two), points of a share; None stands for the headline.
    """

    text: str
    weights: Weights
    sign: str
    bound: float
    metric: str | None = None

    @property
    def rows(self) -> list[str]:
        """The rows that it is about, in its order."""
        return [row for row, _ in self.weights]

    @property
    def pair(self) -> tuple[str, str] | None:
        """(row, the row that it is compared with) if the claim is about a difference of two rows; else None."""
        ordered = sorted(self.weights, key=lambda each: -each[1])
        if [weight for _, weight in ordered] != [1, -1]:
            return None
        return ordered[0][0], ordered[1][0]


def parse_claims(texts: Any, rows: Collection[str], evaluations: Collection[str] | None = None) -> list[Claim]:
    """Return the claims of an ablation's YAML.

    Args:
        rows: names that claims may be about.
        evaluations: what can be measured after training; None: not known, and not checked.

    Raises:
        UserError: a text that is no claim about its rows, or about a metric of no evaluation.
    """
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise UserError(f"ablation.claims is a list such as ['dropblock - baseline > 0'], got {texts!r}")
    found = []
    for text in texts:
        match = FORM.fullmatch(str(text))
        if match is None:
            raise UserError(
                f"claim {text!r} is not of the form 'ROW - ROW > NUMBER' (or <; or another sum of rows, with + - and "
                "parentheses), the number in points, or 'ROW - ROW > NUMBER in EVALUATION/METRIC'"
            )
        pair, metrics = PAIR.fullmatch(match["formula"]), metrics_of(match["metric"]) if match["metric"] else []
        if pair and pair["one"] in rows and pair["other"] in rows:
            combined: Weights = ((pair["one"], 1), (pair["other"], -1))
        else:
            combined = parse_weights(match["formula"], rows, f"claim {text!r}", contrast=len(metrics) < 2)
        for metric in metrics:
            if DEVIATION.fullmatch(metric):
                continue
            if evaluations is not None and re.split(r"[/\[]", metric)[0] not in {*evaluations, *PHASES}:
                there = ", ".join(sorted(evaluations)) or "none"
                raise UserError(f"claim {text!r}: {metric} is of no evaluation; evaluations are: {there}")
        found.append(Claim(str(text), combined, match["sign"], float(match["bound"]), match["metric"]))
    return found
