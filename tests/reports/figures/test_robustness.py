"""figure_robustness.png: a panel a block size, a line a row."""

import json

import pytest
from drawn import check_drawn

from dropgrid.plotting import style
from dropgrid.reports.figures import robustness
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

KEEP_PROBS = (1, 0.9, 0.5)


def leave(fake, row, sizes=(1, 3), label="dropblock_inference", seeds=3, slope=1.0, **factors):
    """The evaluation on a row's cells: accuracy falls with keep_prob, the faster the larger the block."""
    for cell in fake.of(row, **factors)[:seeds]:
        seed = cell["line"]["seed"]
        values = {
            f"block_{size}_keep_prob_{keep_prob:g}": 0.9 - 0.1 * slope * size * (1 - keep_prob) + 0.01 * seed
            for size in sizes
            for keep_prob in KEEP_PROBS
        }
        values |= {f"block_{size}_loss": 5.0 for size in sizes}
        fake.asked(label)
        folder = fake.outputs / "runs" / cell["line"]["cell"] / "evaluations"
        folder.mkdir(parents=True, exist_ok=True)
        headings = {name: [name, "points" if name.endswith("loss") else "%"] for name in values}
        found = {"evaluate": label, "metrics": values, "headings": headings}
        (folder / f"{label}.json").write_text(json.dumps(found))


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


@pytest.fixture
def measured(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    leave(fake, "baseline")
    leave(fake, "dropout", slope=0.5)
    return fake


def joined(axes):
    return [line for line in axes.lines if len(set(line.get_xdata())) > 2]


def bars(axes):
    return [tuple(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2]


def test_a_line_is_a_row_s_means_at_one_block_size_with_their_intervals(measured):
    table = table_of(measured)
    one, three = robustness.draw(table).axes
    for axes, size in ((one, 1), (three, 3)):
        samples = [
            [row.evaluations[f"dropblock_inference/block_{size}_keep_prob_{each:g}"].sample for each in (0.5, 0.9, 1)]
            for row in table.rows
        ]
        assert [list(line.get_xdata()) for line in joined(axes)] == [[0.5, 0.9, 1]] * 2
        assert [list(line.get_ydata()) for line in joined(axes)] == [
            pytest.approx([each.mean for each in row]) for row in samples
        ]
        assert bars(axes) == [pytest.approx(each.ci95) for row in samples for each in row]
        low, high = axes.get_ylim()
        assert all(low < end < high for bar in bars(axes) for end in bar)


def test_panels_share_the_vertical_axis_and_keep_prob_falls_to_the_right(measured):
    one, three = robustness.draw(table_of(measured)).axes
    assert one.get_ylim() == three.get_ylim() and one.get_xlim() == three.get_xlim()
    assert one.get_xlim()[0] > 1 > 0.5 > one.get_xlim()[1] and sorted(one.get_xticks()) == [0.5, 0.9, 1]


def test_rows_differ_in_marker_and_dash_not_in_colour_alone(measured):
    drawn = robustness.draw(table_of(measured))
    lines = joined(drawn.axes[0])
    assert len({line.get_linestyle() for line in lines}) == len({line.get_color() for line in lines}) == 2
    marks = {line.get_marker() for line in drawn.axes[0].lines} - {"None", ""}
    assert len(marks) == 2
    assert [text.get_text() for text in drawn.texts[1:3]] == ["baseline", "dropout"]


def test_a_row_that_lacks_seeds_has_open_marks_and_one_that_was_not_measured_no_line(fake):
    fake.add(["baseline", "dropout", "drop_path"], seeds=3)
    leave(fake, "baseline")
    leave(fake, "dropout", seeds=2)
    drawn = robustness.draw(table_of(fake))
    assert len(joined(drawn.axes[0])) == 2
    faces = [line.get_markerfacecolor() for line in drawn.axes[0].lines if line.get_marker() not in ("None", "")]
    assert [face == "white" for face in faces] == [False] * 3 + [True] * 3
    caption = " ".join(drawn.texts[-1].get_text().split())
    assert "n = 2 to 3" in caption and "Open mark: seeds are missing." in caption


def test_blocks_and_evaluations_have_panels_of_their_own(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
    leave(fake, "baseline", **{"optimizer.lr": "0.05"})
    leave(fake, "baseline", label="dropblock_inference[weights=best]", sizes=(3,), **{"optimizer.lr": "0.1"})
    drawn = robustness.draw(table_of(fake))
    titles = [text.get_text() for text in drawn.texts if "at inference" in text.get_text()][1:4]
    assert titles == [
        "optimizer.lr=0.05, block 1 at inference",
        "optimizer.lr=0.05, block 3 at inference",
        "optimizer.lr=0.1, block 3 at inference, weights=best",
    ]
    assert len(drawn.axes) == 3


def test_many_rows_have_names_in_several_lines_within_the_figure(fake):
    rows = {f"a_rather_long_name_of_a_row_{i}": (["regularizer=none"], i / 10, []) for i in range(9)}
    fake.about = {**fake.about, "baseline": next(iter(rows))}
    fake.add(rows, seeds=2)
    for row in rows:
        leave(fake, row)
    drawn = robustness.draw(table_of(fake))
    style.png(drawn, dpi=50)
    boxes = [text.get_window_extent() for text in drawn.texts if text.get_text() in rows]
    assert len(boxes) == 9 and all(box.x1 < drawn.bbox.x1 for box in boxes)
    top = max(axes.get_window_extent().y1 for axes in drawn.axes)
    assert all(box.y0 > top for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_a_report_has_it_once_it_was_measured(measured):
    write_report(measured.write(), measured.outputs)
    folder = measured.outputs / "ablations" / "demo"
    check_drawn(folder / "figure_robustness.png")
    assert "loss" in (folder / "table.md").read_text()
    for path in measured.outputs.glob("runs/*/evaluations/*"):
        path.unlink()
    assert robustness.draw(table_of(measured)) is None
