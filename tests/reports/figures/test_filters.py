"""figure_filters.png: filters and activations of each row, of one seed."""

import numpy as np
import pytest
from left import apart, leave, table_of, texts, within, words

from dropgrid.plotting import style
from dropgrid.reports.figures import filters as figure_filters


def arrays(seed, scale=1.0, shape=(9, 1, 5, 5)):
    random = np.random.default_rng(seed)
    counts, edges = np.histogram(scale * random.exponential(size=5000), 60, (0, 12 * scale))
    filters = {} if shape is None else {"filters": scale * random.normal(size=shape).astype(np.float32)}
    return {"means": scale * random.exponential(0.3, 40), "counts": counts, "edges": edges, **filters}


def means(seed):
    return {"correlation": 0.1 + 0.01 * seed, "sparsity": 0.5 + 0.1 * seed, "effective_rank": 20.0 + seed}


@pytest.fixture
def measured(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    leave(fake, "baseline", "coadaptation", arrays, means)
    leave(fake, "dropout", "coadaptation", lambda seed: arrays(seed, 0.5), means)
    return fake


def test_a_row_has_its_filters_and_two_histograms_under_its_name(measured):
    drawn = figure_filters.draw(table_of(measured))
    assert len(drawn.axes) == 2 * 3 and [len(axes.images) for axes in drawn.axes] == [1, 0, 0] * 2
    assert {"baseline", "dropout"} <= set(texts(drawn))
    expected = "mean |r| 0.110 ± 0.010\n60.0 ± 10.0 % of activations off\neffective rank 21.0 ± 1.0"
    assert texts(drawn).count(expected) == 2
    tops = [axes.get_position().y1 for axes in drawn.axes]
    assert tops[0] > tops[1] > tops[2] and tops[:3] == tops[3:]


def test_rows_share_the_axes_of_their_histograms(measured):
    axes = figure_filters.draw(table_of(measured)).axes
    for one, other in ((axes[1], axes[4]), (axes[2], axes[5])):
        assert one.get_xlim() == other.get_xlim() and one.get_ylim() == other.get_ylim()
    own = arrays(0)
    values, edges, _ = axes[1].patches[0].get_data()
    assert values.sum() == pytest.approx(100)
    assert values == pytest.approx(100 * np.histogram(own["means"], edges)[0] / 40)
    density, edges, _ = axes[2].patches[0].get_data()
    assert np.nansum(density * np.diff(edges)) == pytest.approx(1) and axes[2].get_yscale() == "log"


def test_the_lowest_seed_that_all_rows_have_is_drawn(measured):
    table = table_of(measured)
    assert "units, seed 0," in words(figure_filters.draw(table))
    (path,) = measured.outputs.glob(f"runs/{measured.of('dropout')[0]['line']['cell']}/evaluations/*.json")
    path.unlink()
    drawn = figure_filters.draw(table_of(measured))
    assert "units, seed 1," in words(drawn)
    assert np.array_equal(
        np.asarray(drawn.axes[0].images[0].get_array()), figure_filters.filter_grid(arrays(1)["filters"])
    )


def test_rows_without_a_common_seed_say_which_theirs_is(measured):
    for row, gone in (("dropout", (0, 1)), ("baseline", (2,))):
        for seed in gone:
            cell = measured.of(row)[seed]["line"]["cell"]
            for path in measured.outputs.glob(f"runs/{cell}/evaluations/*.json"):
                path.unlink()
    shown = texts(figure_filters.draw(table_of(measured)))
    assert any(text.endswith("\nseed 0") for text in shown) and any(text.endswith("\nseed 2") for text in shown)


def test_colours_are_symmetric_about_white_at_zero():
    filters = np.zeros((4, 1, 3, 3), np.float32)
    filters[0], filters[1] = 1, -1
    sheet = figure_filters.filter_grid(filters)
    high, low, zero = sheet[5, 5], sheet[5, -5], sheet[-5, 5]
    assert zero == pytest.approx([0.97] * 3, abs=0.01)
    assert high[0] > high[2] and low[2] > low[0]
    opposite = figure_filters.filter_grid(-filters)
    assert opposite[5, 5] == pytest.approx(low) and opposite[5, -5] == pytest.approx(high)
    assert figure_filters.filter_grid(0 * filters)[5, 5] == pytest.approx(zero)


def test_one_outlier_leaves_the_others_their_colours():
    filters = np.sign(np.random.default_rng(0).normal(size=(64, 1, 28, 28)))
    filters[0, 0, 0, 0] = 1000
    assert figure_filters.filter_grid(filters)[-1, -1] == pytest.approx(
        figure_filters.filter_grid(np.sign(filters))[-1, -1]
    )


def test_filters_stand_in_their_places_with_grey_between():
    filters = np.random.default_rng(0).normal(size=(5, 1, 4, 4))
    sheet = figure_filters.filter_grid(filters)
    times = -(-figure_filters.PIXELS // (3 * 4))
    gap = max(1, round(0.07 * times * 4))
    side = 4 * times + gap
    assert sheet.shape == (2 * side - gap, 3 * side - gap, 3)
    one = sheet[side : side + 4 * times, side : side + 4 * times]
    assert np.array_equal(one, one[::times, ::times].repeat(times, 0).repeat(times, 1))
    assert (sheet[:, 4 * times : side] == 0.8).all() and (sheet[side:, 2 * side :] == 0.8).all()


def test_three_channels_are_colours_about_grey():
    filters = np.zeros((1, 3, 2, 2))
    filters[0, 0], filters[0, 2] = 1, -1
    assert figure_filters.filter_grid(filters)[0, 0] == pytest.approx([1, 0.5, 0])


def test_without_filters_the_histograms_are_drawn_alone(fake):
    fake.add(["baseline"], seeds=1)
    leave(fake, "baseline", "coadaptation", lambda seed: arrays(seed, shape=None), means)
    drawn = figure_filters.draw(table_of(fake))
    assert [len(axes.images) for axes in drawn.axes] == [0, 0] and words(drawn).startswith("Hidden units, seed 0.")


def test_blocks_stand_below_each_other_and_arguments_are_named(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
        leave(fake, "baseline", "coadaptation", arrays, means, label="coadaptation[layer=last]")
    drawn = figure_filters.draw(table_of(fake))
    assert len(drawn.axes) == 6 and {"optimizer.lr=0.05", "optimizer.lr=0.1"} <= set(texts(drawn))
    assert "Measured with layer=last." in words(drawn)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_it_fits(fake, count):
    from fakes import ROWS

    names = [*ROWS][:count]
    fake.add(names, seeds=2)
    for name in names:
        leave(fake, name, "coadaptation", arrays, means)
    drawn = figure_filters.draw(table_of(fake))
    style.png(drawn, dpi=50)
    assert within(drawn) and apart(drawn)


def test_nothing_measured_is_no_figure(fake):
    fake.add(["baseline"], seeds=1)
    assert figure_filters.draw(table_of(fake)) is None
