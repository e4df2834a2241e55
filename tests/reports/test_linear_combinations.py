"""Sums of rows: what they weigh, and what is none."""

import numpy as np
import pytest

from dropgrid.errors import UserError
from dropgrid.reports.linear_combinations import parse_weights

ROWS = ["none", "dropout", "batchnorm", "both", "both width=32", "none width=32", "a - b", "x=-1.5", "p(1)"]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("both - none", {"both": 1, "none": -1}),
        ("(both - batchnorm) - (dropout - none)", {"both": 1, "batchnorm": -1, "dropout": -1, "none": 1}),
        ("none - (dropout - (both - batchnorm))", {"none": 1, "dropout": -1, "both": 1, "batchnorm": -1}),
        ("both width=32 - none width=32", {"both width=32": 1, "none width=32": -1}),
        ("both + both - none - dropout", {"both": 2, "none": -1, "dropout": -1}),
        ("a - b - x=-1.5", {"a - b": 1, "x=-1.5": -1}),
        ("-none + ((p(1)))", {"none": -1, "p(1)": 1}),
        ("dropout-none", {"dropout": 1, "none": -1}),
        ("both - none + dropout - both", {"none": -1, "dropout": 1}),
    ],
)
def test_a_formula_weighs_its_rows(formula, expected):
    assert dict(parse_weights(formula, ROWS, "it")) == expected


@pytest.mark.parametrize("seed", range(20))
def test_random_formulas_weigh_what_python_computes(seed):
    """Rows as variables: the weights are the coefficients of the expression that Python evaluates."""
    random = np.random.default_rng(seed)
    names = ["none", "dropout", "both", "both width=32", "net 1.5"]

    def expression(depth):
        if depth == 0 or random.random() < 0.3:
            return names[random.integers(len(names))]
        parts = [expression(depth - 1) for _ in range(random.integers(2, 4))]
        signs = random.choice([" + ", " - "], len(parts) - 1)
        return "(" + parts[0] + "".join(s + p for s, p in zip(signs, parts[1:], strict=True)) + ")"

    side = expression(3)
    swapped = side.replace("dropout", "*").replace("none", "dropout").replace("*", "none")
    formula = f"{side} - ({swapped} - both) - both"  # as many of each sign
    code = formula
    for index, name in sorted(enumerate(names), key=lambda each: -len(each[1])):
        code = code.replace(name, f"v[{index}]")
    units = np.eye(len(names), dtype=int)
    expected = {name: eval(code, {"v": list(unit)}) for name, unit in zip(names, units, strict=True)}
    if any(expected.values()):
        assert dict(parse_weights(formula, names, "it")) == {name: each for name, each in expected.items() if each}
    else:
        with pytest.raises(UserError, match="cancel out"):
            parse_weights(formula, names, "it")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("cutout - none", "'cutout' is no row"),
        ("both width=3 - none", "'both width=3' is no row"),
        ("both none - dropout", "'both none' is no row"),
        ("2*both - none", r"'2\*both' is no row"),
        ("both -", "it ends where a row should stand"),
        ("", "it ends where a row should stand"),
        ("(both - none", r"a \( is not closed"),
        ("both - none)", r"a \) closes nothing"),
        ("both - ()", r"no row stands before a \)"),
        ("(both) none", "no sign stands before 'none'"),
        ("both + none", "its weights sum to 2, a contrast's to 0"),
        ("both - both", "its rows cancel out"),
    ],
)
def test_what_is_no_contrast_is_refused_with_formula_reason_and_rows(formula, message):
    with pytest.raises(UserError, match=f"^contrast 'i': {message}; rows: none, dropout, batchnorm, both, ") as caught:
        parse_weights(formula, ROWS, "contrast 'i'")
    assert "\n" not in str(caught.value)
