import math

import pytest

from dropgrid.reports.published import (
    CONTRADICTED,
    INCONCLUSIVE,
    OTHER_SIZE,
    REPRODUCED,
    Published,
    differs,
    effect,
    judge,
    ours_less_published,
)
from dropgrid.reports.table import tabulate
from dropgrid.statistics.dunnett import Comparison
from dropgrid.store.ablation import read


def ours(mean, half, freedom=20.0):
    """A comparison whose interval is mean ± half."""
    return Comparison(mean, half / 2.5, freedom, 2.5, (mean - half, mean + half), 0.0, half, 8)


@pytest.mark.parametrize(
    ("mean", "half", "published", "verdict"),
    [
        (1.5, 0.6, 1.62, REPRODUCED),
        (0.5, 0.3, 1.62, OTHER_SIZE),
        (3.5, 0.6, 1.62, OTHER_SIZE),
        (-0.9, 0.6, 1.62, CONTRADICTED),
        (0.1, 0.6, 1.62, CONTRADICTED),  # contains 0, excludes 1.5 to 1.74, half-width below 0.81
        (0.1, 0.9, 1.62, INCONCLUSIVE),  # half-width too large to speak
        (1.2, 0.7, 0.01, OTHER_SIZE),
        (0.5, 1.5, 1.62, INCONCLUSIVE),  # reaches the published
        (-1.5, 0.6, -1.62, REPRODUCED),
        (1.5, 0.6, -1.62, CONTRADICTED),
    ],
)
def test_the_verdict_follows_its_rule(mean, half, published, verdict):
    assert judge(ours(mean, half), Published(published, 0.05, 4.0)) == verdict


def test_the_published_error_counts():
    assert judge(ours(0.9, 0.5), Published(1.62, 0.01, 4.0)) == OTHER_SIZE
    assert judge(ours(0.9, 0.5), Published(1.62, 0.5, 4.0)) == REPRODUCED
    low, high = ours_less_published(ours(1.0, 0.5, 1e9), Published(1.0, 0.0, math.inf))
    assert (low, high) == pytest.approx((-1.96 * 0.2, 1.96 * 0.2), abs=1e-3)


def test_an_effect_is_the_difference_to_the_published_baseline_with_both_errors(fake):
    rows = {"baseline": {"mean": 76.51, "std": 0.07}, "dropout": {"mean": 76.80, "std": 0.04}, "drop_path": {}}
    fake.about["published"] = {"n": 3, "rows": rows}
    fake.add(["baseline", "dropout", "drop_path"]).write()
    ablation = read("demo", fake.outputs)
    found = effect(ablation, "dropout")
    assert found.effect == pytest.approx(0.29)
    assert found.error == pytest.approx(math.sqrt((0.07**2 + 0.04**2) / 3))
    assert 2 < found.freedom < 4
    assert effect(ablation, "drop_path") is None


def test_other_protocols_are_named_and_not_compared(fake):
    rows = {"baseline": {"mean": 76.51, "std": 0.07}, "dropout": {"mean": 76.80, "std": 0.04}}
    fake.about["published"] = {"rows": rows, "protocol": {"trainer.max_epochs": 270, "report.metric": "test/acc_last"}}
    fake.add(["baseline", "dropout"]).write()
    ablation = read("demo", fake.outputs)
    assert differs(ablation, ablation.cells[0]) == ["trainer.max_epochs 15 (published: 270)"]
    baseline, row = tabulate(ablation).rows
    assert row.against == "not comparable" and baseline.against is None
    fake.about["published"]["protocol"] = {"trainer.max_epochs": 15}
    fake.write()
    assert tabulate(read("demo", fake.outputs)).rows[1].against in (INCONCLUSIVE, REPRODUCED, OTHER_SIZE, CONTRADICTED)
