"""Runs that others trained are judged by the rule of our own tables; what is not known of them is not claimed."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import dropgrid
from dropgrid.cli.compare import main
from dropgrid.errors import UserError
from dropgrid.reports.compare import compare
from dropgrid.reports.predictions import image_values
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ROWS = ["baseline", "dropout", "drop_path", "dropblock_last"]


def frame(effects, seeds=5, spread=0.5, draw=0, mean=90.0, metric="test_acc"):
    """Runs of rows with effects in points, each with its own noise."""
    noise = np.random.default_rng(draw)
    return pd.DataFrame(
        {"method": row, "seed": seed, metric: mean + effect + noise.normal(0, spread)}
        for row, effect in effects.items()
        for seed in range(seeds)
    )


def test_the_numbers_are_those_of_an_ablation(fake):
    fake.add(ROWS, seeds=4).write()
    theirs = tabulate(read("demo", fake.outputs)).rows
    lines = [{"row": row.name, "seed": s, "accuracy": value} for row in theirs for s, value in row.accuracies.items()]
    found = dropgrid.compare(pd.DataFrame(lines)).table.set_index("row")
    for row in theirs:
        own = found.loc[row.name]
        assert own["mean"] == pytest.approx(row.sample.mean) and own["std"] == pytest.approx(row.sample.std)
        if not row.baseline:
            assert own["delta"] == pytest.approx(row.difference.mean)
            assert [own["simultaneous_low"], own["simultaneous_high"]] == pytest.approx(row.comparison.ci95)
            assert own["verdict"] == row.verdict and own["paired"]


@pytest.fixture
def by_image(fake):
    """An ablation's table, and its predictions as a table with a line an image of a run, in no order."""
    fake.add(ROWS, seeds=4).predict(images=60).write()
    read_back = read("demo", fake.outputs)
    lines = [
        {"row": row, "seed": cell.seed, "id": f"img{n}", "right": bool(right)}
        for row, cells in read_back.blocks[0].rows.items()
        for cell in cells
        for n, right in enumerate(image_values(cell, "last").values)
    ]
    return tabulate(read_back), pd.DataFrame(lines).sample(frac=1, random_state=0)


def test_with_the_images_of_each_run_the_intervals_are_those_of_an_ablation(by_image):
    theirs, lines = by_image
    found = compare(lines, metric="right", image="id")
    assert "16 runs of 60 images (id)" in " ".join(found.said)
    of_row = {row.name: row for row in found.report.rows}
    for row in theirs.rows:
        own = of_row[row.name]
        assert own.sample.mean == pytest.approx(100 * lines.right[lines.row == row.name].mean())
        if row.comparison:  # the fake result and its predictions have other accuracies
            assert 0 < own.comparison.examples == pytest.approx(row.comparison.examples)
    assert "and the choice of test images" in " ".join(str(found).split())


def test_each_data_set_has_images_of_its_own(by_image):
    _, lines = by_image
    other = lines.assign(id="other_" + lines["id"], set="b")
    found = compare(
        pd.concat([lines.assign(set="a"), other[other.id != "other_img7"]]), metric="right", image="id", by="set"
    )
    assert "32 runs of 59 or 60 images (id)" in " ".join(found.said)
    assert all(row.comparison.examples > 0 for row in found.report.rows if row.comparison)


def test_the_images_of_unpaired_rows_count_too(by_image):
    _, lines = by_image
    lines = lines[(lines.row != "dropout") | (lines.seed < 2)]
    own = {row.name: row.comparison for row in compare(lines, metric="right", image="id").report.rows}
    assert own["dropout"].examples > 0 and not math.isnan(own["dropout"].error)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines.assign(right=2), "right is 0 to 1 of each image"),
        (lambda lines: lines.assign(right=None), "right is 0 to 1 of each image"),
        (lambda lines: pd.concat([lines, lines.iloc[:1]]), "twice: --row, --seed and --by name a run"),
        (lambda lines: lines.iloc[1:], "have other images, such as img"),
        (lambda lines: lines.drop(columns="seed"), "--image needs --seed"),
        (lambda lines: lines.drop(columns="id"), "no column 'id'"),
        (lambda lines: lines.iloc[:0], "there are no lines"),
    ],
)
def test_images_that_do_not_fit_are_refused(by_image, change, says):
    with pytest.raises(UserError, match=says):
        compare(change(by_image[1]), row="row", metric="right", image="id", baseline="baseline")


def test_rows_with_other_seeds_are_compared_unpaired_by_welch():
    runs = frame({"baseline": 0, "a": 1, "b": -1}, seeds=8)
    runs = runs[(runs.method != "a") | (runs.seed < 2)]
    found = compare(runs).table.set_index("row")
    assert list(found.n) == [8, 2, 8] and list(found.paired) == [False, False, True]
    a, base = (runs[runs.method == name].test_acc for name in ("a", "baseline"))
    reference = stats.ttest_ind(a, base, equal_var=False)
    single = reference.confidence_interval(0.95)
    joint = reference.confidence_interval(0.95**0.5)  # Šidák: two comparisons
    assert [found.delta_low["a"], found.delta_high["a"]] == pytest.approx([single.low, single.high])
    assert [found.simultaneous_low["a"], found.simultaneous_high["a"]] == pytest.approx([joint.low, joint.high])
    paired = stats.ttest_rel(runs[runs.method == "b"].test_acc, base).confidence_interval(0.95**0.5)
    assert [found.simultaneous_low["b"], found.simultaneous_high["b"]] == pytest.approx([paired.low, paired.high])
    assert "unpaired (Welch) for other seeds than the baseline's: a" in str(compare(runs))


def test_without_seeds_nothing_is_paired():
    runs = frame({"baseline": 0, "a": 1}).drop(columns="seed")
    found = compare(runs)
    assert "compared unpaired" in " ".join(found.said) and not found.table.paired.any()
    assert "Drop-rate check: not available" in str(found)


@pytest.mark.parametrize("seeds", [(5, 5), (3, 8)])
def test_the_level_holds_without_pairs(seeds):
    """No effect: of 400 tables at most 5 % + three standard errors have a wrong verdict."""
    wrong, tables, noise = 0, 400, np.random.default_rng(0)
    for _ in range(tables):
        runs = [
            {"row": row, "score": noise.normal(0, spread), "run": f"{row}{n}"}
            for row, spread in (("baseline", 1), ("a", 0.3), ("b", 3))
            for n in range(seeds[row == "a"])
        ]
        found = compare(pd.DataFrame(runs), row="row", metric="score").table
        wrong += bool(set(found.verdict) & {"above", "below"})
    assert wrong / tables <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / tables)


def test_fractions_and_percent_are_one_table_and_other_numbers_have_no_unit():
    percent = frame({"baseline": 0, "a": 1})
    fraction = percent.assign(test_acc=percent.test_acc / 100)
    one, two = compare(percent), compare(fraction)
    pd.testing.assert_frame_equal(one.table, two.table)
    assert "in percent" in " ".join(one.said) and "fractions" in " ".join(two.said)
    losses = frame({"baseline": 0, "a": -0.01}, spread=0.001, mean=0.2, metric="val_loss")
    found = compare(losses, margin=0.5)
    assert found.table["mean"][0] == pytest.approx(losses[losses.method == "baseline"].val_loss.mean())
    assert found.table.verdict[1] == "below" and found.report.rows[1].improves is True
    assert "less is better" in " ".join(found.said) and "points" not in str(found)
    assert compare(losses, lower_is_better=False).report.rows[1].improves is False
    with pytest.raises(UserError, match="unit=fraction: test_acc goes from"):
        compare(percent, unit="fraction")


def test_equal_needs_a_margin():
    runs = frame({"baseline": 0, "a": 0}, seeds=10, spread=0.05)
    assert compare(runs).table.verdict[1] == "open"
    assert compare(runs, margin=0.5).table.verdict[1] == "equal"


def test_blocks_have_a_baseline_each():
    one, two = frame({"baseline": 0, "a": 2}), frame({"baseline": 0, "a": -2}, draw=1)
    both = pd.concat([one.assign(data="x"), two.assign(data="y")])
    found = compare(both, row="method", by="data").table
    assert list(zip(found.data, found.row, found.verdict.fillna(""), strict=True)) == [
        *(("x", "baseline", ""), ("x", "a", "above"), ("y", "baseline", ""), ("y", "a", "below"))
    ]
    with pytest.raises(UserError, match=r"line 11: there are two runs of row 'baseline' with seed=0: add .* of data"):
        compare(both, row="method")
    with pytest.raises(UserError, match="the baseline 'baseline' has no run at data=y"):
        compare(both[(both.data == "x") | (both.method == "a")], row="method", by="data")


def test_rows_may_be_several_columns_and_numbers():
    runs = frame({"none": 0, "dropblock": 1}).assign(lr=0.1)
    more = pd.concat([runs, runs.assign(lr=0.2)])
    found = compare(more, row=["method", "lr"], metric="test_acc", baseline="none, 0.1").table
    assert list(found.row) == ["none, 0.1", "dropblock, 0.1", "none, 0.2", "dropblock, 0.2"]


def test_runs_without_a_number_are_left_out_and_said():
    runs = frame({"baseline": 0, "a": 1}).astype({"test_acc": object})
    runs.loc[[0, 7, 8], "test_acc"] = [None, math.nan, math.inf]
    found = compare(runs)
    assert list(found.table.n) == [4, 3] and "3 of 10 lines have no test_acc: left out." in found.said


WRONG = {
    "which column is the metric? --metric one of: x, y": lambda f: f.rename(columns={"test_acc": "x"}).assign(y=1.0),
    "which column names the row?": lambda f: f.drop(columns="method"),
    "which row is the baseline? --baseline one of: p, a": lambda f: f.replace("baseline", "p"),
    "test_acc has 'high', which is no number": lambda f: f.astype(object).replace(
        {"test_acc": {f.test_acc[0]: "high"}}
    ),
    "seed has 0.5, which is no seed": lambda f: f.assign(seed=0.5),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_not_known_is_asked_in_one_line(message):
    with pytest.raises(UserError) as caught:
        compare(WRONG[message](frame({"baseline": 0, "a": 1})), metric="test_acc" if "number" in message else None)
    assert message in str(caught.value) and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("given", [{"row": "methd"}, {"baseline": "base"}, {"seed": "x"}, {"margin": -1.0}])
def test_what_is_given_wrongly_is_refused(given):
    with pytest.raises((UserError, ValueError)):
        compare(frame({"baseline": 0, "a": 1}), **given)


def test_the_command_prints_what_it_guessed_and_writes_every_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frame({"baseline": 0, "a<b>": 2, "c": 0}).to_csv("runs.csv", index=False)
    assert main(["runs.csv"]) == 0
    told = capsys.readouterr().out
    assert "Rows are the values of method." in told and "compared/report.html" in told and "above" in told
    names = {path.name for path in (tmp_path / "compared").iterdir()}
    assert {*(f"table.{kind}" for kind in ("md", "csv", "tex", "json")), "figure.png", "report.html"} <= names
    page = (tmp_path / "compared" / "report.html").read_text()
    assert "a&lt;b&gt;" in page and "Drop-rate check: not available" in page and "report.py" not in page
    assert not (tmp_path / "outputs").exists()
    assert main(["runs.csv", "--metric", "nothing"]) == 2
    assert "error: no column 'nothing'" in capsys.readouterr().err
    assert main(["runs.csv", "--margin", "-1"]) == 2 and "margin" in capsys.readouterr().err


def test_the_snippet_of_the_page_runs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "outside.md").read_text()
    (snippet,) = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "dropgrid.compare" in each]
    monkeypatch.chdir(tmp_path)
    here: dict = {}
    exec(snippet, here)
    assert {"row", "n", "mean", "std", "delta", "simultaneous_low", "simultaneous_high", "verdict"} <= {
        *here["found"].table
    }
    assert (tmp_path / "compared" / "report.html").exists()
