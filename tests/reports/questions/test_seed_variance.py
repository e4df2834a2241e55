"""Spread over seeds: Bonett's intervals hold what they promise, also of what is not normal; what is shown of it."""

import json

import numpy as np
import pytest

from dropgrid.errors import UserError
from dropgrid.reports.figures import spread
from dropgrid.reports.figures.spread import panels
from dropgrid.reports.questions.seed_variance import around, check, compared, spreads
from dropgrid.reports.report import write
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read
from dropgrid.store.cell import Cell

DRAWS = {
    "normal": lambda random, n: random.normal(size=n),
    "uniform": lambda random, n: random.uniform(-(3**0.5), 3**0.5, n),
    "laplace": lambda random, n: random.laplace(scale=0.5**0.5, size=n),
}
"""Each of standard deviation 1."""


@pytest.mark.parametrize("law", DRAWS)
def test_intervals_cover_the_truth_about_95_times_in_100(law):
    random = np.random.default_rng(0)
    alone, together, count = 0, 0, 2000
    for _ in range(count):
        one, other = 3 * DRAWS[law](random, 20), DRAWS[law](random, 20)
        low, high = around(one)
        alone += low <= 3 <= high
        _, (low, high) = compared(one, other)
        together += low <= 3 <= high
    # the standard error here is 0.005; of two samples of a flat law the interval is a safe one
    assert 0.91 < alone / count < 0.985 and 0.91 < together / count < (0.999 if law == "uniform" else 0.985)


def test_the_chi_square_interval_is_near_for_normal_values():
    from scipy.stats import chi2, norm

    values = norm.ppf((np.arange(200) + 0.5) / 200)
    low, high = around(values)
    exact = [float((199 / chi2.ppf(q, 199)) ** 0.5 * values.std(ddof=1)) for q in (0.975, 0.025)]
    assert (low, high) == pytest.approx(exact, rel=0.02)


def test_scaled_values_have_scaled_intervals_and_shifted_ones_the_same():
    values = np.random.default_rng(1).normal(size=12)
    low, high = around(values)
    assert around(5 * values - 7) == pytest.approx((5 * low, 5 * high))
    assert compared(values, values)[0] == 1
    ratio, (low, high) = compared(2 * values, values[::-1] + 3)
    assert ratio == pytest.approx(2) and low * high == pytest.approx(4)


def test_too_few_or_equal_values_have_no_interval():
    assert around(np.arange(4.0)) is None and around(np.ones(9)) is None
    assert compared(np.arange(3.0), np.arange(3.0)) == (1.0, None)
    assert compared(np.ones(9), np.arange(9.0)) == (None, None)


def test_a_report_has_what_is_asked_for(fake):
    fake.about["spread"] = [1, 15, 99]
    fake.add(rows=["baseline", "dropout"], seeds=6)
    table = tabulate(read(fake.write(), fake.outputs))
    assert [(each.row, each.epoch, each.n) for each in table.spreads] == [
        ("baseline", 1, 6),
        ("dropout", 1, 6),
        ("baseline", 15, 6),
        ("dropout", 15, 6),
    ]
    own = [100 * cell["curve"][0]["val/acc"] for cell in fake.of("dropout")]
    assert table.spreads[1].std == pytest.approx(np.std(own, ddof=1))
    assert table.spreads[0].ratio is None and table.spreads[1].ratio > 0
    write(fake.about["name"], fake.outputs)
    folder = fake.outputs / "ablations" / fake.about["name"]
    assert "## Spread over seeds" in (folder / "table.md").read_text()
    assert len(json.loads((folder / "table.json").read_text())["spreads"]) == 4
    assert (folder / "figure_spread.png").stat().st_size > 10_000


def test_a_curve_is_read_once_however_many_epochs_it_has(fake, monkeypatch):
    fake.about["spread"] = [1, 2]
    ablation = read(fake.add(["baseline", "dropout"], seeds=3).write(), fake.outputs)
    asked = []
    monkeypatch.setattr(Cell, "curve", lambda cell, column: asked.append(cell.id) or {0: 0.5, 1: 0.6, 2: 0.7})
    assert len(spreads(ablation)) == 4 and len(asked) == 6
    lines = panels(ablation.blocks[0], ["baseline", "dropout"])
    assert len(lines) == 2 and len(asked) == 12


def test_nothing_asked_nothing_drawn(fake):
    assert spread.draw(tabulate(read(fake.add(seeds=3).write(), fake.outputs))) is None


@pytest.mark.parametrize("asked", [[], [0], [True], "12", 3, [1.5]])
def test_what_is_no_list_of_epochs_is_refused(asked):
    with pytest.raises(UserError, match="a list of epochs"):
        check(asked)
