"""Contrasts: their statistics against SciPy's, what they wait for, where they are shown, and their figure."""

import json

import numpy as np
import pytest
from scipy import stats

from dropgrid.errors import UserError
from dropgrid.plotting import style
from dropgrid.reports import question
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import latex, markdown
from dropgrid.reports.formats.terminal import plain_text
from dropgrid.reports.questions import contrasts
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ASKED = {
    "interaction": "(dropblock_last - drop_path) - (dropout - baseline)",
    "simple": "dropout - baseline",
    "other": "drop_path - dropout",
}
NAMES = ["baseline", "dropout", "drop_path", "dropblock_last"]


def table_of(fake, asked=ASKED):
    fake.about["contrasts"] = asked
    return tabulate(read(fake.write(), fake.outputs))


def by_hand(fake, seeds=None, **factors):
    """The interaction of each seed, in points."""
    accuracy = {
        row: {
            cell["line"]["seed"]: 100 * cell["result"]["metrics"]["test/acc_last"] for cell in fake.of(row, **factors)
        }
        for row in NAMES
    }
    none, dropout, path, both = (accuracy[row] for row in NAMES)
    return [(both[s] - path[s]) - (dropout[s] - none[s]) for s in seeds or sorted(none)]


def test_a_contrast_is_student_s_t_of_its_values_at_the_seeds(fake):
    found = table_of(fake.add(NAMES)).answer(contrasts.compute)[0]
    expected = by_hand(fake)
    assert list(found.values.values()) == pytest.approx(expected)
    test = stats.ttest_1samp(expected, 0.0)
    assert (found.difference.n, found.difference.mean) == (5, pytest.approx(np.mean(expected)))
    assert found.difference.p_value == pytest.approx(test.pvalue)
    assert found.difference.ci95 == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_a_contrast_has_one_of_the_four_verdicts_and_is_equal_only_within_a_margin(fake):
    table = table_of(fake.add(NAMES))
    intervals = {each.name: each.comparison.inner for each in table.answer(contrasts.compute)}
    assert {each.verdict for each in table.answer(contrasts.compute)} <= {"above", "below", "open"}
    name, (low, high) = min(intervals.items(), key=lambda each: max(map(abs, each[1])))
    assert low < 0 < high
    fake.about["margin"] = max(-low, high) + 1e-6
    found = {each.name: each.verdict for each in table_of(fake).answer(contrasts.compute)}
    assert found[name] == "equal"
    assert "equal within the margin" in markdown.render(table_of(fake))
    fake.about["margin"] = max(-low, high) - 1e-6
    assert {each.name: each.verdict for each in table_of(fake).answer(contrasts.compute)}[name] == "open"


def test_a_pair_has_the_interval_of_the_table(fake):
    table = table_of(fake.add(NAMES))
    simple, row = table.answer(contrasts.compute)[1], table.rows[1]
    assert simple.difference.ci95 == pytest.approx(row.difference.ci95)
    assert simple.difference.p_value == pytest.approx(row.difference.p_value)


def test_simultaneous_intervals_are_sidak_s_of_the_contrasts_of_a_block(fake):
    table = table_of(fake.add(NAMES))
    test = stats.ttest_1samp(by_hand(fake), 0.0)
    found = table.answer(contrasts.compute)[0].comparison
    assert found.ci95 == pytest.approx(tuple(test.confidence_interval(0.95 ** (1 / 3))))
    assert (found.family, found.freedom, found.examples) == (3, 4, None)
    alone = table_of(fake, {"interaction": ASKED["interaction"]}).answer(contrasts.compute)[0]
    assert alone.comparison.ci95 == pytest.approx(alone.difference.ci95)


def test_test_images_add_their_variance(fake):
    fake.add(NAMES).predict(300)
    found = table_of(fake, {"interaction": ASKED["interaction"]}).answer(contrasts.compute)[0]
    right = {
        row: np.stack([c["predictions"]["last"].argmax(1) == c["predictions"]["targets"] for c in fake.of(row)])
        for row in NAMES
    }
    none, dropout, path, both = (100.0 * right[row] for row in NAMES)
    values = (both - path) - (dropout - none)
    seeds, images = values.shape
    # two crossed random effects and their interaction: mean squares of the analysis of variance
    of_images = seeds * values.mean(0).var(ddof=1)
    residual = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    within = (residual**2).sum() / ((seeds - 1) * (images - 1))
    expected = max(0.0, of_images - within) / (seeds * images)
    assert found.comparison.examples**2 == pytest.approx(expected, rel=1e-6)
    variance = values.mean(1).var(ddof=1) / seeds + expected
    assert found.comparison.error == pytest.approx(np.sqrt(variance))
    assert found.difference.ci95 == pytest.approx(
        tuple(stats.ttest_1samp(values.mean(1), 0.0).confidence_interval(0.95))
    )


def test_it_is_over_the_seeds_that_all_its_rows_have(fake):
    fake.add(NAMES)
    fake.cells = [
        c for c in fake.cells if (c["line"]["row"], c["line"]["seed"]) not in {("dropout", 4), ("baseline", 0)}
    ]
    found = table_of(fake).answer(contrasts.compute)[0]
    assert list(found.values) == [1, 2, 3] and found.difference.n == 3
    test = stats.ttest_1samp(by_hand(fake, [1, 2, 3]), 0.0)
    assert found.difference.ci95 == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.comparison.freedom == 2


def test_intervals_wait_for_all_rows_and_the_family_does_not_shrink(fake):
    fake.add(NAMES)
    whole = table_of(fake).answer(contrasts.compute)
    fake.of("dropblock_last")[1]["status"] = "failed"
    for path in fake.outputs.glob("runs/*/result.json"):
        path.unlink()
    table = table_of(fake)
    first, second, _ = table.answer(contrasts.compute)
    assert (first.withheld, first.difference.n, first.difference.ci95, first.comparison) == (
        "incomplete",
        4,
        None,
        None,
    )
    assert first.difference.mean == pytest.approx(np.mean(by_hand(fake, [0, 2, 3, 4])))
    assert second.comparison == whole[1].comparison
    assert "(incomplete)" in plain_text(table) and "wait until all rows" in markdown.render(table)


def test_one_seed_and_no_spread_have_no_interval_or_one_of_no_width(fake):
    first = table_of(fake.add(NAMES, seeds=1)).answer(contrasts.compute)[0]
    assert (first.withheld, first.difference.ci95, first.comparison) == ("fewer than 2 shared seeds", None, None)
    fake.cells = []
    fake.add(NAMES, seeds=3)
    for cell in fake.cells:
        cell["result"]["metrics"]["test/acc_last"] = 0.9 + 0.01 * NAMES.index(cell["line"]["row"])
    first = table_of(fake).answer(contrasts.compute)[0]
    assert first.difference.ci95 == first.comparison.ci95 == pytest.approx((0.0, 0.0))
    assert first.difference.p_value is None


def test_each_block_has_its_own(fake):
    for lr in ("0.05", "0.1"):
        fake.add(NAMES, factors={"optimizer.lr": lr})
    table = table_of(fake)
    assert [(each.name, each.factors["optimizer.lr"]) for each in table.answer(contrasts.compute)] == [
        (name, lr) for lr in ("0.05", "0.1") for name in ASKED
    ]
    assert table.answer(contrasts.compute)[3].difference.mean == pytest.approx(
        np.mean(by_hand(fake, **{"optimizer.lr": "0.1"}))
    )
    assert table.answer(contrasts.compute)[3].comparison.family == 3


def test_they_are_in_every_format_with_name_formula_and_intervals(fake):
    fake.add(NAMES)
    table = table_of(fake)
    report = write_report("demo", fake.outputs)
    page = report.paths[-1].read_text()
    for text in (markdown.render(table), plain_text(table), page):
        for part in ("Contrasts", "interaction", ASKED["interaction"], "Simultaneous", "Šidák"):
            assert part in text
    assert "(dropblock\\_last - drop\\_path) - (dropout - baseline)" in latex.render(table)
    told = json.loads(json_format.render(table))["contrasts"]
    assert [each["contrast"] for each in told] == list(ASKED)
    assert told[0]["weights"] == {"dropblock_last": 1, "drop_path": -1, "dropout": -1, "baseline": 1}
    low, high = told[0]["ci95"]
    assert low < told[0]["mean"] < high and told[0]["n"] == 5 and told[0]["simultaneous"]["family"] == 3
    assert (fake.outputs / "ablations/demo/figure_contrasts.png").exists() and "figure_contrasts.png" in page


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_terminal_has_them_whole(fake, width):
    text = plain_text(table_of(fake.add(NAMES)), width)
    assert max(map(len, text.splitlines())) <= width
    assert all(word in text.partition("Contrasts")[2] for word in ("interaction", "baseline)", "Simultaneous"))


def test_without_any_nothing_is_said_of_them(fake):
    table = tabulate(read(fake.add(["baseline", "dropout"], seeds=2).write(), fake.outputs))
    assert "Contrasts" not in markdown.render(table) + plain_text(table) + latex.render(table)
    assert json.loads(json_format.render(table))["contrasts"] == []


def test_what_is_no_contrast_is_refused_by_name():
    with pytest.raises(UserError, match=r"contrast 'effect', 'dropout - nothing': 'nothing' is no row; rows: baseline"):
        contrasts.parse({"effect": "dropout - nothing"}, ["baseline", "dropout"])
    with pytest.raises(UserError, match="maps names to formulas"):
        contrasts.parse(["dropout - baseline"], ["baseline", "dropout"])


DRAWN = {"interaction": "(drop_path - dropout) - (dropout - baseline)", "simple": "dropout - baseline"}


def drawn_of(fake, asked=DRAWN):
    table = table_of(fake, asked)
    return table, question.question_figure("contrasts", table)


def test_every_contrast_has_its_seeds_its_mean_and_both_intervals_around_0(fake):
    table, drawn = drawn_of(fake.add(["baseline", "dropout", "drop_path"]))
    (axes,) = drawn.axes
    dots = [each.get_offsets()[:, 0].data for each in axes.collections]
    assert [list(each) for each in dots] == [
        pytest.approx(list(c.values.values())) for c in table.answer(contrasts.compute)
    ]
    bars = [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() > 2]
    assert bars == [pytest.approx(each.difference.ci95) for each in table.answer(contrasts.compute)]
    thin = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
    assert thin == [pytest.approx(each.comparison.ci95) for each in table.answer(contrasts.compute)]
    low, high = axes.get_xlim()
    assert low < 0 < high and all(low < end < high for interval in thin for end in interval)
    assert any(list(line.get_xdata()) == [0, 0] for line in axes.lines)


def test_names_and_formulas_stand_beside_their_lines_within_the_figure(fake):
    fake.add(["baseline", "dropout", "drop_path"])
    long = {f"{name} {'of a long name ' * 6}": f"{formula} + baseline - baseline" for name, formula in DRAWN.items()}
    _, drawn = drawn_of(fake, long)
    style.png(drawn, dpi=50)
    panel = drawn.axes[0].get_window_extent()
    beside = [text.get_window_extent() for text in drawn.texts[2:-1]]
    assert len(beside) == 4 and all(box.x0 > 0 and box.x1 < panel.x0 for box in beside)
    assert not any(one.overlaps(other) for i, one in enumerate(beside) for other in beside[:i])


def test_an_incomplete_contrast_is_hollow_and_says_so(fake):
    fake.add(["baseline", "dropout", "drop_path"]).of("drop_path")[0]["status"] = "failed"
    _, drawn = drawn_of(fake)
    (axes,) = drawn.axes
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() in ("o", "^", "v")]
    assert [face == "white" for face in faces] == [True, False]
    assert any("(incomplete)" in text.get_text() for text in axes.texts)


def test_a_block_is_a_panel_and_nothing_to_show_is_no_figure(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout", "drop_path"], seeds=2, factors={"optimizer.lr": lr})
    one, other = drawn_of(fake)[1].axes
    assert one.get_xlim() == other.get_xlim()
    assert drawn_of(fake, None)[1] is None
    empty = type(fake)(fake.outputs / "empty").add(["baseline", "dropout", "drop_path"], seeds=2, status="pending")
    assert drawn_of(empty)[1] is None
