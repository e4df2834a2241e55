"""The figures: what is drawn where."""

import matplotlib
import numpy as np
import pytest

from dropgrid.plotting import style, text
from dropgrid.reports.figures import accuracy, curves, treatment
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def dots(axes):
    return [collection.get_offsets()[:, 0].data for collection in axes.collections if len(collection.get_offsets())]


def test_every_seed_is_a_dot_and_every_mean_has_its_interval(fake):
    table = table_of(fake.add(["baseline", "dropout", "drop_path"]))
    left, right = accuracy.draw(table).axes
    for drawn, row in zip(dots(left), table.rows, strict=True):
        assert sorted(drawn) == pytest.approx(sorted(row.accuracies.values()))
    for drawn, row in zip(dots(right), table.rows[1:], strict=True):
        assert sorted(drawn) == pytest.approx(sorted(row.differences.values()))
    bars = [tuple(line.get_xdata()) for line in right.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
    assert bars == [pytest.approx(row.difference.ci95) for row in table.rows[1:]]


def test_the_interval_that_holds_for_all_rows_at_once_is_a_thin_line(fake):
    table = table_of(fake.add(["baseline", "dropout", "drop_path"]))
    _, right = accuracy.draw(table).axes
    thin = [tuple(line.get_xdata()) for line in right.lines if line.get_marker() == "|"]
    assert thin == [pytest.approx(row.comparison.ci95) for row in table.rows[1:]]
    low, high = right.get_xlim()
    assert all(low < end < high for interval in thin for end in interval)


def test_a_long_name_over_a_curve_keeps_both_ends():
    assert text.fit_name("dropout", 2.0) == ("dropout", 9)
    name = "a_very_long_name_of_a_series_that_goes_on_and_on keep_prob=0.95"
    shown, size = text.fit_name(name, 2.0)
    assert size == 7 and len(shown) < 40 and shown.startswith("a_very_long") and shown.endswith("keep_prob=0.95")


def test_rows_stand_in_the_order_of_the_table_from_the_top(fake):
    left, _ = accuracy.draw(table_of(fake.add(["baseline", "dropout", "drop_path"], seeds=2))).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["baseline", "dropout", "drop_path"]
    low, high = left.get_ylim()
    assert low > high


def test_a_block_is_a_pair_of_panels_on_common_axes(fake):
    for lr in ("0.05", "0.1", "0.2"):
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
    table = table_of(fake)
    panels = accuracy.draw(table).axes
    assert len(panels) == 6
    assert len({axes.get_xlim() for axes in panels[::2]}) == len({axes.get_xlim() for axes in panels[1::2]}) == 1
    assert len(curves.draw(table).axes) == 6
    assert len(treatment.draw(table).axes) == 6


def test_a_curve_is_the_mean_over_seeds_in_percent(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    panel = curves.draw(table_of(fake)).axes[1]
    expected = 100 * np.mean([[line["val/acc"] for line in cell["curve"]] for cell in fake.of("dropout")], axis=0)
    assert panel.get_title(loc="left") == "dropout"
    assert panel.lines[-1].get_ydata() == pytest.approx(expected)


def test_of_many_rows_the_first_and_the_baseline_have_a_panel_and_the_figure_says_so(fake, monkeypatch):
    monkeypatch.setattr(curves, "PANELS", 3)
    figure = curves.draw(
        table_of(fake.add(["dropout", "drop_path", "dropblock_last", "dropblock_strong", "baseline"], seeds=2))
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["baseline", "dropout", "drop_path"]
    assert "Of 5 rows 3 have a panel" in " ".join(" ".join(each.get_text() for each in figure.texts).split())


def test_curves_of_cells_still_running_end_where_the_shortest_does(fake):
    fake.add(["baseline", "dropout"], seeds=2)
    fake.of("dropout")[1] |= {"status": "running", "curve": fake.of("dropout")[1]["curve"][:4]}
    panel = curves.draw(table_of(fake)).axes[1]
    assert list(panel.lines[-1].get_xdata()) == [0, 1, 2, 3]


def test_sites_are_drawn_at_expected_and_realised(fake):
    table = table_of(fake.add(["baseline", "drop_path"], seeds=2))
    axes, distance = treatment.draw(table).axes
    sites = table.rows[1].sites
    drawn = [tuple(each.get_offsets()[0]) for each in axes.collections]
    assert drawn == [pytest.approx((100 * site.expected, 100 * site.realised)) for site in sites]
    assert np.concatenate(dots(distance)) == pytest.approx([site.errors for site in sites])


def test_nothing_to_draw_is_no_figure(fake):
    fake.add(["baseline"], seeds=2)
    assert treatment.draw(table_of(fake)) is None
    for cell in fake.cells:
        cell["curve"] = [{"epoch": 0, "step": 1, "val/acc": ""}]
    assert curves.draw(table_of(fake)) is None


def test_odd_names_and_odd_counts_are_drawn_without_a_warning(fake):
    rows = {"baseline": (["a=b"], 0.0, []), "$x_1 & <y> \\frac 50% " * 4: (["regularizer=c"], 0.2, ["head"])}
    fake.add(rows, seeds=1)
    fake.of("baseline")[0]["status"] = "failed"
    for module in (accuracy, curves, treatment):
        assert style.png(module.draw(table_of(fake)), dpi=50).startswith(b"\x89PNG")


def test_the_caller_s_settings_and_backend_come_back(fake):
    before = dict(matplotlib.rcParams)
    accuracy.draw(table_of(fake.add(["baseline", "dropout"], seeds=2)))
    assert dict(matplotlib.rcParams) == before


def luminance(colour):
    """Relative luminance of a colour (WCAG 2.2): what a grey print keeps of it."""
    parts = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_up_to_40_series_are_told_apart_without_colour_and_8_by_their_marks_alone():
    looks = [style.look(index) for index in range(40)]
    assert len({(marker, str(dash)) for _, marker, dash in looks}) == 40
    assert len({marker for _, marker, _ in looks[:8]}) == 8
    assert len({colour for colour, _, _ in looks[:7]}) == 7


def test_every_colour_is_seen_on_white_in_grey():
    for colour in style.CYCLE:
        assert 1.05 / (luminance(colour) + 0.05) > 2  # contrast


def test_verdicts_are_told_apart_without_colour():
    markers = [marker for verdict, (_, marker) in style.VERDICTS.items() if verdict]
    assert len(set(markers)) == len(markers) == 4


def test_the_caption_explains_the_mark_of_equal_rows_if_there_are_any(fake):
    assert "■" not in accuracy.explanation(table_of(fake.add()))
    fake.about["margin"] = 50
    table = table_of(fake)
    assert any(row.verdict == "equal" for row in table.rows)
    assert "■ equal within the margin" in accuracy.explanation(table)
