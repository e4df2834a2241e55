"""Linear combinations of rows, as contrasts and claims are written: `(both - batchnorm) - (dropout - none)`."""

import re
from collections.abc import Collection

from dropgrid.errors import UserError

Weights = tuple[tuple[str, int], ...]
"""(row, its integer weight), in the order of the formula; of a contrast they sum to 0."""

END = re.compile(r"\s+[+-](?:\s|$)|[()]|\s*$")
"""The end of a text that is no row's name."""


def parse_weights(formula: str, rows: Collection[str], where: str, contrast: bool = True) -> Weights:
    """Return the weight of each row in a sum of rows with + - and parentheses, without rows that cancel out.

    A row's name may contain spaces, signs and parentheses: the longest name that fits is taken, and it must end before
    a space, + - ) or the formula's end.

    Args:
        where: the beginning of error messages: the formula's owner.
        contrast: whether the weights must sum to 0.

    Raises:
        UserError: the formula is invalid, names an unknown row, or its weights do not sum to 0 and should.
    """
    names = sorted(rows, key=len, reverse=True)
    found: dict[str, int] = {}
    signs = [1]
    sign, operand, last = 1, True, 0

    def wrong(what: str) -> UserError:
        return UserError(f"{where}: {what}; rows: {', '.join(rows)}")

    at = 0
    while rest := formula[at:].lstrip():
        at = len(formula) - len(rest)
        name = next((each for each in names if starts_with_name(rest, each)), None) if operand else None
        if name is not None:
            found[name] = found.get(name, 0) + sign * signs[-1]
            operand, last, at = False, at, at + len(name)
            continue
        if rest[0] in "+-":
            sign = (sign if operand else 1) * (1 if rest[0] == "+" else -1)
            operand = True
        elif operand and rest[0] == "(":
            signs.append(sign * signs[-1])
            sign = 1
        elif not operand and rest[0] == ")":
            if len(signs) == 1:
                raise wrong("a ) closes nothing")
            signs.pop()
            last = at
        elif operand and rest[0] == ")":
            raise wrong("no row stands before a )")
        elif not operand and (rest[0] == "(" or formula[last] == ")"):
            raise wrong(f"no sign stands before {rest!r}")
        else:
            # what follows a row's name without a sign makes it another name
            raise wrong(f"{unknown_name(formula, at if operand else last, at)!r} is no row")
        at += 1
    if operand:
        raise wrong("it ends where a row should stand")
    if len(signs) > 1:
        raise wrong("a ( is not closed")
    if sum(found.values()) and contrast:
        raise wrong(f"its weights sum to {sum(found.values())}, a contrast's to 0")
    if not any(found.values()):
        raise wrong("its rows cancel out")
    return tuple((name, weight) for name, weight in found.items() if weight)


def unknown_name(formula: str, start: int, beyond: int) -> str:
    """Return the text at a place that is no row's name, which extends beyond a known name."""
    match = END.search(formula, beyond)
    return formula[start : match.start() if match else len(formula)]


def starts_with_name(text: str, name: str) -> bool:
    """Predicate: a text begins with a name that ends there."""
    return text.startswith(name) and (len(text) == len(name) or text[len(name)] in "+-)" or text[len(name)].isspace())
