"""Claims that an ablation states before it trains: `dropblock - baseline > 0`."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.errors import UserError

FORM = re.compile(r"(?P<one>.+?) - (?P<other>.+?) (?P<sign>[<>]) (?P<bound>[-+]?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Claim:
    """That the mean of `one` less that of `other` is above (`>`) or below (`<`) a bound, in points."""

    text: str
    one: str
    other: str
    sign: str
    bound: float


def parse(texts: Any, rows: Collection[str]) -> list[Claim]:
    """The claims of an ablation's YAML; UserError names one that is no claim about its rows."""
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise UserError(f"ablation.claims is a list such as ['dropblock - baseline > 0'], got {texts!r}")
    found = []
    for text in texts:
        match = FORM.fullmatch(str(text))
        if match is None:
            raise UserError(f"claim {text!r} is not of the form 'ROW - ROW > NUMBER' (or <), the number in points")
        for name in (match["one"], match["other"]):
            if name not in rows:
                raise UserError(f"claim {text!r}: {name!r} is no row; rows: {', '.join(rows)}")
        found.append(Claim(str(text), match["one"], match["other"], match["sign"], float(match["bound"])))
    return found


def digest(texts: Sequence[str]) -> str:
    """sha256 of the claims, as they are written and in their order."""
    return hashlib.sha256(json.dumps([str(text) for text in texts]).encode()).hexdigest()
