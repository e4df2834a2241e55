"""figure_contrasts.png: a line a contrast, its intervals, and 0."""

import pytest

from dropgrid.plotting import style
from dropgrid.reports.figures import contrasts
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ASKED = {"interaction": "(drop_path - dropout) - (dropout - baseline)", "simple": "dropout - baseline"}


def table_of(fake):
    fake.about["contrasts"] = ASKED
    return tabulate(read(fake.write(), fake.outputs))


def test_every_contrast_has_its_seeds_its_mean_and_both_intervals_around_0(fake):
    table = table_of(fake.add(["baseline", "dropout", "drop_path"]))
    (axes,) = contrasts.draw(table).axes
    dots = [each.get_offsets()[:, 0].data for each in axes.collections]
    assert [list(each) for each in dots] == [pytest.approx(list(c.values.values())) for c in table.contrasts]
    bars = [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() > 2]
    assert bars == [pytest.approx(each.difference.ci95) for each in table.contrasts]
    thin = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
    assert thin == [pytest.approx(each.comparison.ci95) for each in table.contrasts]
    low, high = axes.get_xlim()
    assert low < 0 < high and all(low < end < high for interval in thin for end in interval)
    assert any(list(line.get_xdata()) == [0, 0] for line in axes.lines)


def test_names_and_formulas_stand_beside_their_lines_within_the_figure(fake):
    fake.add(["baseline", "dropout", "drop_path"])
    fake.about["contrasts"] = {
        f"{name} {'of a long name ' * 6}": f"{formula} + baseline - baseline" for name, formula in ASKED.items()
    }
    drawn = contrasts.draw(tabulate(read(fake.write(), fake.outputs)))
    style.png(drawn, dpi=50)
    panel = drawn.axes[0].get_window_extent()
    beside = [text.get_window_extent() for text in drawn.texts[2:-1]]
    assert len(beside) == 4 and all(box.x0 > 0 and box.x1 < panel.x0 for box in beside)
    assert not any(one.overlaps(other) for i, one in enumerate(beside) for other in beside[:i])


def test_an_incomplete_contrast_is_hollow_and_says_so(fake):
    fake.add(["baseline", "dropout", "drop_path"]).of("drop_path")[0]["status"] = "failed"
    drawn = contrasts.draw(table_of(fake))
    (axes,) = drawn.axes
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() in ("o", "^", "v")]
    assert [face == "white" for face in faces] == [True, False]
    assert any("(incomplete)" in text.get_text() for text in axes.texts)


def test_a_block_is_a_panel_and_nothing_to_show_is_no_figure(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout", "drop_path"], seeds=2, factors={"optimizer.lr": lr})
    one, other = contrasts.draw(table_of(fake)).axes
    assert one.get_xlim() == other.get_xlim()
    del fake.about["contrasts"]
    assert contrasts.draw(tabulate(read(fake.write(), fake.outputs))) is None
    empty = type(fake)(fake.outputs / "empty").add(["baseline", "dropout", "drop_path"], seeds=2, status="pending")
    assert contrasts.draw(table_of(empty)) is None
