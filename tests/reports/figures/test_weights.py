"""figure_weights.png: the spread of the weights, and norm and effective learning rate by layer."""

import numpy as np
import pytest
from left import apart, leave, table_of, texts, within, words

from dropgrid.plotting import style
from dropgrid.reports.figures import weights
from dropgrid.statistics.samples import describe

NORMS = np.array([2.0, 5.0, 20.0, 3.0])
NORMED = np.array([True, True, True, False])


def arrays(seed, sharp=1.0, normed=NORMED):
    """Laplace's density between ±8 rms, as narrow as `sharp` says."""
    norms = NORMS * (1 + 0.05 * seed)
    edges = np.linspace(-8, 8, 162) * 0.1 / sharp
    middles = (edges[1:] + edges[:-1]) / 2
    return {
        "layers": np.array(["conv1", "layer1", "layer2", "fc"]),
        "norms": norms,
        "rms": norms / 10,
        "near_zero": norms / 100,
        "normed": normed,
        "effective": np.where(normed, 0.1 / norms**2, 0),
        "counts": np.round(1e5 * np.exp(-np.abs(middles) * 30 * sharp)).astype(np.int64),
        "edges": edges,
    }


def mean(seed):
    return {"norm": 20.0 + seed}


@pytest.fixture
def measured(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    leave(fake, "baseline", "weights", arrays, mean)
    leave(fake, "dropout", "weights", lambda seed: arrays(seed, 3.0), mean)
    return fake


def test_the_histogram_is_a_density_on_the_weights_own_scale(measured):
    drawn = weights.draw(table_of(measured))
    axes = drawn.axes[0]
    assert axes.get_yscale() == "log"
    for line, sharp in zip(axes.lines, (1.0, 3.0), strict=True):
        expected = arrays(0, sharp)
        there = expected["counts"] > 0
        wide = expected["edges"][1] - expected["edges"][0]
        density = expected["counts"] / expected["counts"].sum() / wide
        assert list(line.get_ydata()) == pytest.approx(density[there])
        assert list(line.get_xdata()) == pytest.approx((expected["edges"][:-1] + wide / 2)[there])
        assert np.sum(line.get_ydata()) * wide == pytest.approx(1)
    low, high = axes.get_xlim()
    assert -low == high > max(np.abs(axes.lines[0].get_xdata()))


def test_norm_is_of_every_layer_and_the_effective_rate_of_those_before_a_norm(measured):
    _, norm, rate = weights.draw(table_of(measured)).axes
    samples = [describe([arrays(seed)["norms"][at] for seed in range(3)]) for at in range(4)]
    line = norm.lines[0]
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert list(line.get_ydata()) == pytest.approx([each.mean for each in samples])
    rates = [describe([arrays(seed)["effective"][at] for seed in range(3)]).mean for at in range(3)]
    assert list(rate.lines[0].get_xdata()) == [1, 2, 3] and list(rate.lines[0].get_ydata()) == pytest.approx(rates)
    for axes in (norm, rate):
        low, high = axes.get_ylim()
        assert axes.get_yscale() == "log" and all(low < y < high for line in axes.lines for y in line.get_ydata())
        assert len(axes.collections) == 2


def test_without_a_norm_there_is_no_panel_of_rates(fake):
    fake.add(["baseline"], seeds=2)
    leave(fake, "baseline", "weights", lambda seed: arrays(seed, normed=np.zeros(4, bool)), mean)
    drawn = weights.draw(table_of(fake))
    assert len(drawn.axes) == 2 and "none has an effective learning rate" in words(drawn)


def test_networks_of_unlike_depth_share_the_panels(measured):
    def deeper(seed):
        each = arrays(seed)
        repeated = ("layers", "norms", "rms", "near_zero", "normed", "effective")
        return each | {key: np.repeat(each[key], 10) for key in repeated}

    leave(measured, "dropout", "weights", deeper, mean)
    norm = weights.draw(table_of(measured)).axes[1]
    assert [len(line.get_xdata()) for line in norm.lines] == [4, 40] and norm.get_xlim() == (0.5, 40.5)


def test_a_block_has_a_line_of_panels_and_arguments_are_named(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
        leave(fake, "baseline", "weights", arrays, mean, label="weights[power=1]")
    drawn = weights.draw(table_of(fake))
    assert len(drawn.axes) == 6 and {"optimizer.lr=0.05", "optimizer.lr=0.1"} <= set(texts(drawn))
    assert "Measured with power=1." in words(drawn)


def test_it_fits(measured):
    drawn = weights.draw(table_of(measured))
    style.png(drawn, dpi=50)
    assert within(drawn) and apart(drawn)


def test_nothing_measured_is_no_figure(fake):
    fake.add(["baseline"], seeds=1)
    assert weights.draw(table_of(fake)) is None
