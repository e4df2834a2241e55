"""Seeds where the answer is open: of fake cells, and by simulation that the intervals hold under stopping."""

import numpy as np
import pytest

from dropgrid.planning.sequential import with_more_seeds
from dropgrid.planning.types import Plan
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.table import tabulate
from dropgrid.statistics.interim import level_at, level_by_count
from dropgrid.statistics.simultaneous import compare_pairs
from dropgrid.store.ablation import read
from dropgrid.store.cell import Cell


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


def looking(fake, looks):
    """The plan, its interim analyses written down as a launch does."""
    fake.about.update({"looks": looks, "detect": 0.3})
    fake.write()
    return plan_of(fake, looks)


def test_open_rows_and_the_baseline_get_the_next_looks_seeds(fake):
    fake.add(["baseline", "dropout", "dropblock_fixed_keep_prob"], seeds=3)
    for cell in fake.of("dropblock_fixed_keep_prob"):
        cell["result"]["metrics"]["test/acc_last"] -= 0.3
    fake.write()
    plan = plan_of(fake, [3, 5])
    more = with_more_seeds(plan)
    count = {row: sum(cell.row == row for cell in more.cells) for row in ("baseline", "dropout")}
    assert count == {"baseline": 5, "dropout": 5} and len(more.cells) == 13
    new = [cell for cell in more.cells if cell.seed == 4 and cell.row == "dropout"]
    assert new[0].config["seed"] == 4 and new[0].overrides[-1] == "seed=4" and new[0].id != plan.cells[3].id
    assert [cell.row for cell in more.cells][:5] == ["baseline"] * 5


def test_after_the_last_look_and_without_looks_nothing_is_added(fake):
    fake.add(["baseline", "dropout"], seeds=3).write()
    assert with_more_seeds(plan_of(fake, [2, 3])) is None and with_more_seeds(plan_of(fake, None)) is None


def test_a_row_with_a_failed_cell_waits(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    fake.of("dropout")[1]["status"] = "failed"
    fake.write()
    assert with_more_seeds(plan_of(fake, [3, 5])) is None


def test_a_row_that_cannot_be_settled_any_more_stops_open(fake):
    """Half of the seeds, hardly any difference and much spread: more seeds would not show 0.3 points."""
    fake.add(["baseline", "dropout"], seeds=4)
    for index, cell in enumerate(fake.of("dropout")):
        cell["result"]["metrics"]["test/acc_last"] = fake.of("baseline")[index]["result"]["metrics"][
            "test/acc_last"
        ] + (0.03 if index % 2 else -0.03)
    assert with_more_seeds(looking(fake, [4, 8])) is None
    table = tabulate(read("demo", fake.outputs))
    assert table.rows[1].verdict == "open"
    assert any(
        note.startswith("No seeds were added to dropout: open, and 8 seeds would hardly") for note in table_notes(table)
    )
    fake.about["detect"] = 10.0
    fake.write()
    assert with_more_seeds(plan_of(fake, [4, 8])) is not None


@pytest.mark.slow
def test_the_intervals_hold_whatever_stops_the_seeds():
    """No row differs; seeds are added until some row seems to. At 5 % each look that would find one far more often."""
    random, looks, times = np.random.default_rng(0), [3, 5, 8, 12], 1500
    rows, levels = "abcd", level_by_count([3, 5, 8, 12])
    false = {"shared": 0, "each": 0}
    for _ in range(times):
        table = random.normal(0, 0.3, 12) + random.normal(0, 0.4, (4, 12))
        for rule in false:
            for n in looks:
                values = {row: dict(enumerate(line[:n])) for row, line in zip(rows, table, strict=True)}
                alpha = level_at(levels, n) if rule == "shared" else 0.05
                found = compare_pairs(values, [(row, "a") for row in "bcd"], None, alpha)
                if any(each.ci95[0] > 0 or each.ci95[1] < 0 for each in found):
                    false[rule] += 1
                    break
    assert false["shared"] / times < 0.05 + 3 * (0.05 * 0.95 / times) ** 0.5 < false["each"] / times
