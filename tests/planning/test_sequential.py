"""Seeds where the answer is open: of fake cells, and by simulation that the intervals hold under stopping."""

import numpy as np
import pytest

from dropgrid.planning.seeds import interim_alpha
from dropgrid.planning.sequential import grown, is_open
from dropgrid.planning.types import Plan
from dropgrid.statistics.dunnett import Comparison, compare
from dropgrid.store.cell import Cell


def comparison(low, high):
    return Comparison((low + high) / 2, 0.1, 8.0, 2.5, (low, high), None, 1.0, 3)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.1, 0.9, False),  # shown above
        (-0.9, -0.1, False),  # shown below
        (-0.2, 0.25, False),  # no difference of 0.3
        (-0.2, 0.4, True),
        (-0.4, 0.2, True),
    ],
)
def test_a_row_is_open_while_0_and_the_least_difference_are_both_possible(low, high, wanted):
    assert is_open(comparison(low, high), 0.3) is wanted


def plan_of(fake, looks):
    cells = [
        Cell(
            each["line"]["cell"],
            each["line"]["row"],
            {},
            each["line"]["seed"],
            each["line"]["overrides"],
            fake.outputs / "runs" / each["line"]["cell"],
            {"config": each["config"], "local": {"sweep": {"detect": 0.3}}},
        )
        for each in fake.cells
    ]
    return Plan("demo", {"looks": looks, "baseline": "baseline"}, cells, fake.outputs, 1, [])


def test_open_rows_and_the_baseline_get_the_next_looks_seeds(fake):
    fake.add(["baseline", "dropout", "dropblock_fixed_keep_prob"], seeds=3)
    for cell in fake.of("dropblock_fixed_keep_prob"):
        cell["result"]["metrics"]["test/acc_last"] -= 0.3
    fake.write()
    plan = plan_of(fake, [3, 5])
    more = grown(plan)
    count = {row: sum(cell.row == row for cell in more.cells) for row in ("baseline", "dropout")}
    assert count == {"baseline": 5, "dropout": 5} and len(more.cells) == 13
    new = [cell for cell in more.cells if cell.seed == 4 and cell.row == "dropout"]
    assert new[0].config["seed"] == 4 and new[0].overrides[-1] == "seed=4" and new[0].id != plan.cells[3].id
    assert [cell.row for cell in more.cells][:5] == ["baseline"] * 5


def test_after_the_last_look_and_without_looks_nothing_is_added(fake):
    fake.add(["baseline", "dropout"], seeds=3).write()
    assert grown(plan_of(fake, [2, 3])) is None and grown(plan_of(fake, None)) is None


def test_a_row_with_a_failed_cell_waits(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    fake.of("dropout")[1]["status"] = "failed"
    fake.write()
    assert grown(plan_of(fake, [3, 5])) is None


@pytest.mark.slow
def test_the_intervals_hold_whatever_stops_the_seeds():
    """No row differs; seeds are added until some row seems to. At 5 % each look that would find one far more often."""
    random, looks, times = np.random.default_rng(0), [3, 5, 8, 12], 300
    rows = "abcd"
    false = {0.05: 0, interim_alpha(looks): 0}
    for _ in range(times):
        table = random.normal(0, 0.3, 12) + random.normal(0, 0.4, (4, 12))
        for level in false:
            for n in looks:
                values = {row: dict(enumerate(line[:n])) for row, line in zip(rows, table, strict=True)}
                found = compare(values, [(row, "a") for row in "bcd"], None, 1 - level)
                if any(each.ci95[0] > 0 or each.ci95[1] < 0 for each in found):
                    false[level] += 1
                    break
    assert false[interim_alpha(looks)] / times < 0.07 < false[0.05] / times
