"""Settings chosen on validation: which value, what is quoted of it, and when there is no choice."""

import json

import pytest

from dropgrid.reports import question
from dropgrid.reports.figures import lines as figure_lines
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import markdown
from dropgrid.reports.questions import chosen_setting
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

VALUES = (0.5, 0.7, 0.9)
TEST = {0.5: 0.95, 0.7: 0.93, 0.9: 0.91}
VALIDATION = {0.5: 0.80, 0.7: 0.85, 0.9: 0.82}


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


@pytest.fixture
def swept(fake):
    """Two series over keep_prob, of which test and validation prefer different values, the same at every seed."""
    names = [f"{name} keep_prob={value}" for name in ("dropout", "dropblock") for value in VALUES]
    rows = {name: ([f"regularizer={name.split()[0]}"], 0.0, ["head"]) for name in names}
    fake.add({"baseline": (["regularizer=none"], 0.0, []), **rows}, seeds=3)
    fake.about |= {"figure": {"x": "regularizer.keep_prob"}}
    for cell in fake.cells[3:]:
        value = float(cell["line"]["row"].rpartition("=")[2])
        cell["config"]["regularizer"]["keep_prob"] = value
        cell["result"]["metrics"] |= {"test/acc_last": TEST[value], "test/acc_best": 1 - TEST[value]}
        cell["result"]["metrics"] |= {"val/acc_last": VALIDATION[value], "val/acc_best": 1 - VALIDATION[value]}
    return fake


def rings(drawn):
    return [tuple(map(float, ring.get_offsets()[0])) for axes in drawn.axes for ring in axes.collections]


def test_the_value_is_chosen_on_validation_and_its_test_accuracy_is_quoted(swept):
    table = table_of(swept)
    first, second = table.answer(chosen_setting.compute)
    assert (first.series, first.value, first.row.name) == ("dropout", 0.7, "dropout keep_prob=0.7")
    assert first.validation == pytest.approx(85) and first.row.sample.mean == pytest.approx(93) and not first.at_the_end
    assert second.row.name == "dropblock keep_prob=0.7"
    (line, _) = json.loads(json_format.render(table))["chosen"]
    assert (line["value"], line["mean"], line["validation"]) == (0.7, pytest.approx(93), pytest.approx(85))
    text = " ".join(markdown.render(table).split())
    assert (
        "## Value of keep_prob chosen on validation" in text and "| dropout | 0.7 | 3 | 85.00 | 93.00 ± 0.00 |" in text
    )


def test_the_figure_rings_the_value_and_says_why(swept):
    drawn = figure_lines.draw(table_of(swept))
    assert rings(drawn) == [pytest.approx((0.7, 93))] * 2
    assert any("Ring: the value chosen on validation." in " ".join(each.get_text().split()) for each in drawn.texts)


def test_the_headline_of_the_best_epoch_is_chosen_by_the_validation_of_the_best_epoch(swept):
    swept.about["metric"] = "test/acc_best"
    first, _ = table_of(swept).answer(chosen_setting.compute)
    assert first.value == 0.5 and first.at_the_end and first.validation == pytest.approx(20)
    assert "0.5 (end)" in markdown.render(table_of(swept))


def test_of_equals_the_lowest_value_is_chosen_and_the_mean_over_seeds_decides(swept):
    for row in ("dropout keep_prob=0.7", "dropout keep_prob=0.9"):
        for cell, validation in zip(swept.of(row), (0.7, 0.9, 0.8), strict=True):
            cell["result"]["metrics"]["val/acc_last"] = validation
    for cell, validation in zip(swept.of("dropout keep_prob=0.5"), (0.99, 0.7, 0.7), strict=True):
        cell["result"]["metrics"]["val/acc_last"] = validation
    assert table_of(swept).answer(chosen_setting.compute)[0].value == 0.7


def test_without_validation_nothing_is_chosen_and_a_note_says_so(swept):
    for cell in swept.of("dropblock keep_prob=0.7"):  # it diverged: the others can be chosen
        cell["result"]["metrics"]["val/acc_last"] = None
    for cell in (each for each in swept.cells if each["line"]["row"].startswith("dropout ")):
        del cell["result"]["metrics"]["val/acc_last"]
    table = table_of(swept)
    (found,) = table.answer(chosen_setting.compute)
    assert (found.series, found.value) == ("dropblock", 0.9) and len(rings(figure_lines.draw(table))) == 1
    assert (
        "No keep_prob is chosen for “dropout”: the choice needs val/acc_last, which these cells do not have."
        in table_notes(table)
    )


def test_missing_cells_and_tables_without_a_figure_choose_nothing(swept):
    swept.of("dropout keep_prob=0.5")[0]["status"] = "failed"
    assert [each.series for each in table_of(swept).answer(chosen_setting.compute)] == ["dropblock"]
    assert not any("is chosen for" in note for note in table_notes(table_of(swept)))
    del swept.about["figure"]
    assert table_of(swept).answer(chosen_setting.compute) == [] and question.question_sections(table_of(swept)) == []


def test_validation_images_that_are_the_test_images_are_named(swept):
    for cell in swept.cells:
        cell["config"]["data"]["val"] = "test"
    assert "The validation images are the test images: the choice of keep_prob is optimistic." in table_notes(
        table_of(swept)
    )
