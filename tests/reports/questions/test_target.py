"""Steps to an accuracy: by hand, over the baseline's, and where some cell never has it."""

import json
import math

import pytest

from dropgrid.errors import UserError
from dropgrid.reports import question
from dropgrid.reports.formats import markdown
from dropgrid.reports.questions import target
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.statistics.samples import describe
from dropgrid.store.ablation import read

STEPS = {"baseline": [30, 40, 60], "dropout": [60, 100, 90]}


def table_of(fake, steps, asked=80):
    """Cells whose validation accuracy jumps to the target after so many of 150 steps; None: never."""
    fake.about["target"] = asked
    fake.add(rows=[*steps], seeds=3)
    for row, after in steps.items():
        for cell, own in zip(fake.of(row), after, strict=True):
            for line in cell["curve"]:
                line["val/acc"] = 0.8 if own is not None and line["step"] >= own else 0.79
    return tabulate(read(fake.write(), fake.outputs))


def test_steps_are_those_of_the_first_epoch_and_the_ratio_is_a_geometric_mean(fake):
    baseline, dropout = table_of(fake, STEPS).answer(target.compute)
    assert (baseline.n, baseline.reached, baseline.ratio) == (3, 3, None)
    assert baseline.steps.mean == pytest.approx(sum(STEPS["baseline"]) / 3)
    logs = describe([math.log(a / b) for a, b in zip(STEPS["dropout"], STEPS["baseline"], strict=True)])
    assert dropout.ratio == pytest.approx((2 * 2.5 * 1.5) ** (1 / 3))
    assert dropout.ci95 == pytest.approx([math.exp(each) for each in logs.ci95])


def test_what_never_reached_it_is_counted_and_not_averaged(fake):
    _, dropout = table_of(fake, {**STEPS, "dropout": [60, None, 90]}).answer(target.compute)
    assert (dropout.n, dropout.reached, dropout.steps.mean) == (3, 2, 75)
    assert dropout.ratio is None and dropout.ci95 is None
    text = markdown.render(tabulate(read(fake.about["name"], fake.outputs)))
    line = next(line for line in text.partition("Steps to 80 %")[2].splitlines() if line.startswith("| dropout"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["dropout", "3", "2", "75 ± 21", "–"]


def test_nobody_reached_it(fake):
    table = table_of(fake, {row: [None] * 3 for row in STEPS})
    assert all(each.steps.mean is None and each.ratio is None for each in table.answer(target.compute))
    assert question.question_section("target", table).lines[1][-2:] == ["–", "baseline"]


def test_it_may_be_of_training(fake):
    table = table_of(fake, {**STEPS, "dropout": [None] * 3}, asked={"train": 80})
    assert all(each.reached == 0 for each in table.answer(target.compute))  # the cells have no such column
    assert question.question_section("target", table).title == "Steps to 80 % training accuracy"


def test_a_report_has_it_everywhere_and_none_that_is_not_asked_for(fake):
    table_of(fake, STEPS)
    report = write_report(fake.about["name"], fake.outputs)
    folder = fake.outputs / "ablations" / fake.about["name"]
    assert "Steps to 80 % validation accuracy" in report.text
    for file in ("table.md", "table.tex", "report.html"):
        assert "validation accuracy" in (folder / file).read_text()
    assert json.loads((folder / "table.json").read_text())["targets"][1]["reached"] == 3


def test_without_one_there_is_no_section(fake):
    assert question.question_section("target", tabulate(read(fake.add(seeds=2).write(), fake.outputs))) is None


@pytest.mark.parametrize("asked", [0, 101, True, "high", [80], {"test": 80}, {"train": 0}, {"train": 9, "val": 9}])
def test_what_is_no_accuracy_is_refused(asked):
    with pytest.raises(UserError, match="an accuracy in percent"):
        target.check(asked, {})
