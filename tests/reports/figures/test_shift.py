"""figure_shift.png: the shift by layer, a line a row, with its interval over seeds."""

import numpy as np
import pytest
from left import apart, leave, table_of, texts, within, words

from dropgrid.errors import UserError
from dropgrid.plotting import style
from dropgrid.reports.figures import shift
from dropgrid.statistics.samples import describe

LAYERS = np.array([f"layer{index}.bn" for index in range(4)])


def shifts(seed, high=2.0):
    return np.linspace(1, high, 4) + 0.01 * seed


def masked(seed):
    return {"layers": LAYERS, "masks": shifts(seed), "stored": shifts(seed, 3.0)}


def bare(seed):
    return {"layers": LAYERS, "stored": shifts(seed, 1.1)}


def mean(seed):
    return {"stored": 1.5 + 0.01 * seed}


@pytest.fixture
def measured(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    leave(fake, "baseline", "variance_shift", bare, mean)
    leave(fake, "dropout", "variance_shift", masked, mean)
    return fake


def joined(axes):
    return [line for line in axes.lines if len(line.get_xdata()) == 4]


def test_masks_are_shown_of_rows_that_drop_and_the_stored_shift_of_all(measured):
    drawn = shift.draw(table_of(measured))
    masks, stored = drawn.axes
    assert [len(joined(axes)) for axes in (masks, stored)] == [1, 2]
    expected = [describe([shifts(seed)[at] for seed in range(3)]) for at in range(4)]
    (line,) = joined(masks)
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert list(line.get_ydata()) == pytest.approx([each.mean for each in expected])
    (band,) = masks.collections
    ends = band.get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((expected[0].ci95[0], expected[-1].ci95[1]))
    assert "Left: with a row's masks" in words(drawn) and "Right: the moving variance" in words(drawn)
    assert "(n = 3); band: its 95 % interval" in words(drawn)


def test_a_row_looks_the_same_in_both_panels_and_in_the_names(measured):
    drawn = shift.draw(table_of(measured))
    masks, stored = (joined(axes) for axes in drawn.axes)
    assert masks[0].get_color() == stored[1].get_color() != stored[0].get_color()
    assert masks[0].get_linestyle() == stored[1].get_linestyle() != stored[0].get_linestyle()
    assert {"baseline", "dropout"} <= set(texts(drawn))


def test_the_axis_ends_below_one_and_holds_every_mean_however_wide_an_interval_is(measured):
    leave(
        measured, "dropout", "variance_shift", lambda seed: masked(seed) | {"masks": np.full(4, 1.5 + 5 * seed)}, mean
    )
    low, high = shift.draw(table_of(measured)).axes[0].get_ylim()
    assert 0 < low < 1 and 6.5 < high < describe([1.5, 6.5, 11.5]).ci95[1]


def test_without_masks_there_is_one_panel_and_the_caption_speaks_of_no_other(fake):
    fake.add(["baseline", "dropout"], seeds=1)
    for row in ("baseline", "dropout"):
        leave(fake, row, "variance_shift", bare, mean)
    drawn = shift.draw(table_of(fake))
    assert len(drawn.axes) == 1 and not drawn.axes[0].collections
    assert "Left" not in words(drawn) and "Compared: the moving variance" in words(drawn)
    assert "One seed a line: no intervals." in words(drawn)


def test_a_block_has_a_line_of_panels_and_arguments_are_named(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
        leave(fake, "baseline", "variance_shift", masked, mean, label="variance_shift[split=train]")
    drawn = shift.draw(table_of(fake))
    assert len(drawn.axes) == 4 and {"optimizer.lr=0.05", "optimizer.lr=0.1"} <= set(texts(drawn))
    assert "Measured with split=train." in words(drawn)


def test_it_fits(measured):
    drawn = shift.draw(table_of(measured))
    style.png(drawn, dpi=50)
    assert within(drawn) and apart(drawn)


def test_nothing_measured_is_no_figure_and_damage_is_named(measured):
    for path in measured.outputs.glob("runs/*/evaluations/*.npz"):
        path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"cannot read .*variance_shift.npz"):
        shift.draw(table_of(measured))
    for path in measured.outputs.glob("runs/*/evaluations/*"):
        path.unlink()
    assert shift.draw(table_of(measured)) is None
