"""Claims that an ablation states before it trains: `dropblock - baseline > 0`, `(a - b) - (c - d) < 0`."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports.linear_combinations import Weights, weights

FORM = re.compile(r"(?P<formula>.+) (?P<sign>[<>]) (?P<bound>[-+]?\d+(?:\.\d+)?)")
PAIR = re.compile(r"(?P<one>.+?) - (?P<other>.+)")


@dataclass(frozen=True)
class Claim:
    """The statement that a combination of the rows' means is above (`>`) or below (`<`) a bound, in points."""

    text: str
    weights: Weights
    sign: str
    bound: float

    @property
    def pair(self) -> tuple[str, str] | None:
        """(row, the row that it is compared with) if it is a difference of two rows; else None."""
        ordered = sorted(self.weights, key=lambda each: -each[1])
        if [weight for _, weight in ordered] != [1, -1]:
            return None
        return ordered[0][0], ordered[1][0]


def parse(texts: Any, rows: Collection[str]) -> list[Claim]:
    """The claims of an ablation's YAML; UserError names one that is no claim about its rows."""
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise UserError(f"ablation.claims is a list such as ['dropblock - baseline > 0'], got {texts!r}")
    found = []
    for text in texts:
        match = FORM.fullmatch(str(text))
        if match is None:
            raise UserError(
                f"claim {text!r} is not of the form 'ROW - ROW > NUMBER' (or <; or another sum of rows, with + - and "
                "parentheses), the number in points"
            )
        pair = PAIR.fullmatch(match["formula"])
        if pair and pair["one"] in rows and pair["other"] in rows:
            combined: Weights = ((pair["one"], 1), (pair["other"], -1))
        else:
            combined = weights(match["formula"], rows, f"claim {text!r}")
        found.append(Claim(str(text), combined, match["sign"], float(match["bound"])))
    return found
