"""figure_lines.png, and the series and widths behind it."""

from itertools import pairwise

import pytest

from dropgrid.errors import UserError
from dropgrid.plotting import style
from dropgrid.reports import line_series
from dropgrid.reports.figures import lines as figure_lines
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

VALUES = (0.5, 0.6, 0.8, 0.95)


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def swept(fake, names=("dropout", "dropblock"), seeds=3, factors=None, values=VALUES, **figure):
    """A baseline, and a row a value of keep_prob for each series; accuracies differ."""
    rows = {"baseline": (["regularizer=none"], 0.0, [])}
    for name in names:
        rows |= {f"{name} keep_prob={value}": ([f"regularizer={name}"], value, ["head"]) for value in values}
    before = len(fake.cells)
    fake.add(rows, seeds=seeds, factors=factors)
    for cell in fake.cells[before:]:
        if "=" in cell["line"]["row"]:
            cell["config"]["regularizer"]["keep_prob"] = float(cell["line"]["row"].rpartition("=")[2])
    fake.about = {**fake.about, "figure": {"x": "regularizer.keep_prob", **figure}}
    return fake


def marks(axes):
    return [line for line in axes.lines if line.get_linestyle() == "None"]


def joined(axes):
    return [line for line in axes.lines if line.get_linestyle() != "None" and len(set(line.get_xdata())) > 2]


def test_a_series_is_its_rows_means_over_the_key_with_their_intervals(fake):
    table = table_of(swept(fake))
    panel = figure_lines.draw(table).axes[0]
    assert len(joined(panel)) == 2
    for line, name in zip(joined(panel), ("dropout", "dropblock"), strict=True):
        rows = [row for row in table.rows if row.name.startswith(f"{name} ")]
        assert list(line.get_xdata()) == list(VALUES)
        assert line.get_ydata() == pytest.approx([row.sample.mean for row in rows])
    bars = [tuple(line.get_ydata()) for line in panel.lines if len(set(line.get_xdata())) == 1 < len(line.get_xdata())]
    assert bars == [pytest.approx(row.sample.ci95) for row in table.rows if not row.baseline]


def test_x_has_its_true_scale_and_a_tick_a_value(fake):
    panel = figure_lines.draw(table_of(swept(fake, label="kept"))).axes[0]
    assert list(panel.get_xticks()) == list(VALUES)
    assert panel.get_xlabel() == "kept"
    assert panel.get_xscale() == "linear"


def test_x_may_be_logarithmic(fake):
    fake.about |= {"figure": None}
    swept(fake)
    fake.about["figure"]["log"] = True
    panel = figure_lines.draw(table_of(fake)).axes[0]
    assert panel.get_xscale() == "log" and panel.get_xlim()[0] > 0
    assert [tick for tick in panel.get_xticks() if panel.get_xlim()[0] <= tick <= panel.get_xlim()[1]] == sorted(VALUES)


def test_a_row_without_the_key_is_a_horizontal_line_with_its_band(fake):
    table = table_of(swept(fake))
    panel = figure_lines.draw(table).axes[0]
    across = [line for line in panel.lines if tuple(line.get_xdata()) == (0, 1)]
    assert [line.get_ydata()[0] for line in across] == [table.rows[0].sample.mean]
    (band,) = panel.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx(table.rows[0].sample.ci95)
    fake.about["figure"]["baseline"] = False
    panel = figure_lines.draw(table_of(fake)).axes[0]
    assert not panel.patches and not [line for line in panel.lines if tuple(line.get_xdata()) == (0, 1)]


def test_an_incomplete_row_has_an_open_mark_and_no_interval(fake):
    swept(fake, names=("dropout",)).of("dropout keep_prob=0.8")[1]["status"] = "failed"
    panel = figure_lines.draw(table_of(fake)).axes[0]
    faces = [line.get_markerfacecolor() for line in marks(panel)]
    assert [face == "white" for face in faces] == [value == 0.8 for value in VALUES]
    assert len([line for line in panel.lines if len(set(line.get_xdata())) == 1 < len(line.get_xdata())]) == 3


def test_panels_split_the_series_and_share_the_vertical_axis_and_the_looks(fake):
    names = ["dropout", "dropblock", "scheduled"]
    panels = {"one": ["dropout", "dropblock"], "other": ["dropblock", "scheduled", "gone"]}
    drawn = figure_lines.draw(table_of(swept(fake, names=names, panels=panels)))
    one, other = drawn.axes[0], drawn.axes[2]
    assert one.get_ylim() == other.get_ylim()
    assert [len(joined(each)) for each in (one, other)] == [2, 2]
    shared, same = joined(one)[1], joined(other)[0]
    assert list(shared.get_ydata()) == list(same.get_ydata()) and shared.get_color() == same.get_color()
    assert "no series: gone" in drawn.texts[-1].get_text()


def test_a_block_is_a_panel(fake):
    for lr in ("0.05", "0.1", "0.2"):
        swept(fake, names=("dropout",), factors={"optimizer.lr": lr})
    titles = [text.get_text() for text in figure_lines.draw(table_of(fake)).texts]
    assert titles[1:4] == ["optimizer.lr=0.05", "optimizer.lr=0.1", "optimizer.lr=0.2"]


def test_names_stand_beside_the_panel_and_never_on_one_another(fake):
    drawn = figure_lines.draw(table_of(swept(fake, names=[f"a_rather_long_name_of_a_series_{i}" for i in range(8)])))
    panel, beside = drawn.axes
    style.png(drawn, dpi=50)
    boxes = sorted((text.get_window_extent() for text in beside.texts), key=lambda box: box.y0)
    assert len(boxes) == 9
    assert all(one.y1 <= other.y0 + 1 for one, other in pairwise(boxes))
    assert all(box.x0 > panel.get_window_extent().x1 and box.x1 < drawn.bbox.x1 for box in boxes)


def test_apart_moves_no_more_than_it_must():
    assert figure_lines.moved_apart([0.5, 2.0], [1.0, 1.0], 3.0) == [0.5, 2.0]
    assert figure_lines.moved_apart([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 3.0) == [0.5, 1.5, 2.5]
    assert figure_lines.moved_apart([5.0], [1.0], 3.0) == [2.5]


def test_what_asks_for_no_lines_has_none(fake):
    table = table_of(fake.add(["baseline", "dropout"], seeds=2))
    assert figure_lines.draw(table) is None and line_series.series_by_block(table) == []


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("regularizer.keep_prob", "must be a mapping with x"),
        ({"label": "x"}, "must be a mapping with x"),
        ({"x": "a.b", "with": 1}, "no key 'with'"),
        ({"x": "a.b", "within": 0}, "within must be a number of points above 0, got 0"),
        ({"x": "a.b", "panels": ["a"]}, "panels must map titles to lists"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_explained(fake, figure, said):
    fake.about["figure"] = figure
    with pytest.raises(UserError, match=said):
        line_series.figure_options(table_of(fake.add(["baseline"], seeds=1)))


def test_the_series_is_the_name_without_the_key_and_pending_cells_say_x_by_it(fake):
    rows = {"baseline": (["a=b"], 0.0, [])}
    rows |= {f"x keep_prob={value} size=3": (["a=c"], 0.0, ["head"]) for value in (0.9, 0.5)}
    fake.add(rows, seeds=2)
    fake.about["figure"] = {"x": "regularizer.keep_prob"}
    for cell in fake.of("x keep_prob=0.5 size=3"):
        cell["status"] = "pending"
    ((lines),) = line_series.series_by_block(table_of(fake))
    assert [(each.name, [x for x, _ in each.points]) for each in lines.series] == [("x size=3", [0.5, 0.9])]
    assert [row.name for row in lines.without] == ["baseline"]
