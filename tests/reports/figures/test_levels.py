"""figure_levels.png: what was measured at levels, a panel a measure, a line a row."""

import json

import pytest
from drawn import check_drawn

from dropgrid.plotting import style
from dropgrid.reports.figures import levels as figure_levels
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

HEADINGS = {
    "gaussian_noise": "Gaussian noise σ = {}",
    "occlusion": "Occlusion {0}×{0}",
    "fgsm": "FGSM ε = {}",
    "pgd": "PGD ε = {}",
    "acc": "Monte Carlo T = {}",
    "nll": "NLL Monte Carlo T = {}",
    "contrast": "Contrast ×{}",
    "shots": "Shots n = {}",
}


def leave(fake, row, label, stems, levels, seeds=3, slope=0.1, more=(), **factors):
    """An evaluation on a row's cells: its metrics fall with the level."""
    for cell in fake.of(row, **factors)[:seeds]:
        seed = cell["line"]["seed"]
        values = {f"{stem}_{x:g}": 0.9 - slope * x + 0.01 * seed**2 for stem in stems for x in levels}
        values |= {name: 0.5 + 0.01 * seed for name in more}
        headings = {
            f"{stem}_{x:g}": [HEADINGS.get(stem, stem + " {}").format(f"{x:g}"), "nats" if stem == "nll" else "%"]
            for stem in stems
            for x in levels
        }
        headings |= {name: [name, "nats" if name.startswith("nll") else "%"] for name in more}
        fake.asked(label)
        folder = fake.outputs / "runs" / cell["line"]["cell"] / "evaluations"
        folder.mkdir(parents=True, exist_ok=True)
        found = {"evaluate": label, "metrics": values, "headings": headings}
        (folder / f"{label}{stems[0]}{levels[0]}.json").write_text(json.dumps(found))


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


@pytest.fixture
def two(fake):
    return fake.add(["baseline", "dropout"], seeds=3)


def joined(axes):
    return [line for line in axes.lines if len(set(line.get_xdata())) > 2]


def bars(axes):
    return [tuple(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2]


def marks(axes):
    return [line for line in axes.lines if line.get_marker() not in ("None", "") and len(line.get_xdata()) == 1]


def titles(drawn):
    return [text.get_text() for text in drawn.texts if text.get_fontweight() == "bold"][1:]


def words(drawn):
    return " ".join(drawn.texts[-1].get_text().split())


def test_a_line_is_a_row_s_means_by_level_with_their_intervals(two):
    for row, slope in (("baseline", 0.5), ("dropout", 0.3)):
        leave(two, row, "noise", ["gaussian_noise"], [0, 0.4, 0.1, 0.2], slope=slope)
    table = table_of(two)
    drawn = figure_levels.draw(table)
    (axes,) = drawn.axes
    names = [f"noise/gaussian_noise_{x:g}" for x in (0, 0.1, 0.2, 0.4)]
    samples = [[row.evaluations[name].sample for name in names] for row in table.rows]
    assert [list(line.get_xdata()) for line in joined(axes)] == [[0, 0.1, 0.2, 0.4]] * 2
    for line, own in zip(joined(axes), samples, strict=True):
        assert list(line.get_ydata()) == pytest.approx([each.mean for each in own])
    assert bars(axes) == [pytest.approx(each.ci95) for own in samples for each in own]
    assert titles(drawn) == ["Gaussian noise"] and axes.get_ylabel() == "Test accuracy, %"
    assert "white is 1" in axes.get_xlabel() and axes.get_xscale() == "linear"


def accuracies(fake, row, metric, seeds):
    return [100 * cell["result"]["metrics"][metric] for cell in fake.of(row)[:seeds]]


@pytest.mark.parametrize(("label", "metric"), [("occlusion", "last"), ("occlusion[weights=best]", "best")])
def test_level_0_is_the_accuracy_of_the_cells_that_were_measured_by_the_same_weights(two, label, metric):
    leave(two, "baseline", label, ["occlusion"], [4, 8], slope=0.05, seeds=2)
    (axes,) = figure_levels.draw(table_of(two)).axes
    (line,) = joined(axes)
    own = accuracies(two, "baseline", f"test/acc_{metric}", 2)
    assert list(line.get_xdata()) == [0, 4, 8]
    assert line.get_ydata()[0] == pytest.approx(sum(own) / 2)
    assert [each.get_markerfacecolor() for each in marks(axes)] == ["white"] * 3
    assert axes.get_xlabel() == "side of the square, pixels"


def test_monte_carlo_doubles_and_the_plain_pass_stands_beside(two):
    more = ("acc_deterministic", "nll_deterministic")
    leave(two, "dropout", "monte_carlo", ["acc", "nll"], [1, 2, 8, 64], slope=0.002, more=more)
    table = table_of(two)
    drawn = figure_levels.draw(table)
    accuracy, nll = drawn.axes
    assert titles(drawn) == ["Monte Carlo", "NLL Monte Carlo"]
    assert (accuracy.get_ylabel(), nll.get_ylabel()) == ("Test accuracy, %", "NLL, nats")
    for axes in (accuracy, nll):
        assert axes.get_xscale() == "log" and axes.xaxis.get_transform().base == 2
        assert [label.get_text() for label in axes.get_xticklabels()] == ["off", "1", "2", "8", "64"]
        (line,) = joined(axes)
        assert list(line.get_xdata()) == [1, 2, 8, 64]
        assert [float(each.get_xdata()[0]) for each in marks(axes)] == [0.5, 1, 2, 8, 64]
    plain = table.rows[1].evaluations["monte_carlo/acc_deterministic"].sample.mean
    assert marks(accuracy)[0].get_ydata()[0] == pytest.approx(plain)
    assert "dropout" in [text.get_text() for text in drawn.texts]
    assert "baseline" not in [text.get_text() for text in drawn.texts]  # nothing drops there: no line, no name


def test_measures_of_one_evaluation_share_the_vertical_axis_and_others_do_not(two):
    for row in ("baseline", "dropout"):
        leave(two, row, "adversarial", ["fgsm", "pgd"], [0.1, 0.3], slope=2)
        leave(two, row, "noise", ["gaussian_noise"], [0.1, 0.2], slope=0.1)
    drawn = figure_levels.draw(table_of(two))
    fgsm, pgd, noise = drawn.axes
    assert titles(drawn) == ["FGSM", "PGD", "Gaussian noise"]
    assert fgsm.get_ylim() == pgd.get_ylim() != noise.get_ylim()
    assert [axes.get_ylabel() for axes in (fgsm, pgd, noise)] == ["Test accuracy, %", "", "Test accuracy, %"]
    text = words(drawn)
    for part in ("n = 3", "95 % interval", "FGSM (one step)", "Noise: Gaussian", "Level 0: the plain test images."):
        assert part in text
    assert "Occlusion" not in text and "Open mark" not in text


def test_too_few_levels_those_drawn_elsewhere_and_names_without_one_are_left_out(two):
    leave(two, "baseline", "noise", ["gaussian_noise"], [0, 0.1])
    leave(two, "baseline", "occlusion", ["occlusion"], [4], slope=0.01)
    leave(two, "baseline", "corruption", ["contrast"], [0.4], more=("mean",))
    leave(two, "baseline", "monte_carlo", ["acc"], [1, 8], slope=0.01, more=("acc_deterministic",))
    leave(two, "baseline", "dropblock_inference", ["block_3_keep_prob"], [1, 0.9, 0.8, 0.5])
    assert figure_levels.draw(table_of(two)) is None


def test_an_evaluation_of_which_nothing_more_is_known_is_drawn_by_its_headings(two):
    leave(two, "baseline", "corruption[levels=all]", ["contrast"], [0.2, 0.4, 0.8], more=("mean",))
    leave(two, "dropout", "few_shot", ["shots"], [1, 10, 100], slope=0.001)
    drawn = figure_levels.draw(table_of(two))
    contrast, shots = drawn.axes
    assert titles(drawn) == ["Contrast, levels=all", "Shots"]
    assert drawn.texts[0].get_text() == "After training: corruption, few shot"
    assert (contrast.get_xlabel(), shots.get_xlabel()) == ("level", "n")
    assert (contrast.get_xscale(), shots.get_xscale()) == ("linear", "log")
    assert len(joined(contrast)[0].get_xdata()) == 3  # no plain accuracy: nobody said that level 0 is one


def test_each_block_has_panels_of_its_own(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
        leave(fake, "baseline", "noise", ["gaussian_noise"], [0.1, 0.2], **{"optimizer.lr": lr})
    drawn = figure_levels.draw(table_of(fake))
    assert titles(drawn) == ["optimizer.lr=0.05, Gaussian noise", "optimizer.lr=0.1, Gaussian noise"]


def test_many_rows_are_drawn_thin_and_wide_and_named_in_columns(fake):
    rows = {f"row_{i}": (["regularizer=none"], i / 10, []) for i in range(12)}
    fake.about = {**fake.about, "baseline": "row_0"}
    fake.add(rows, seeds=2)
    for row in rows:
        leave(fake, row, "adversarial", ["fgsm", "pgd"], [0.01, 0.1, 0.3], seeds=2, slope=1)
        leave(fake, row, "noise", ["gaussian_noise"], [0.1, 0.2], seeds=2, slope=1)
    drawn = figure_levels.draw(table_of(fake))
    style.png(drawn, dpi=50)
    assert len({round(axes.get_position().x0, 3) for axes in drawn.axes}) == 2
    assert {line.get_linewidth() for line in joined(drawn.axes[0])} == {1.0}
    boxes = {text.get_text(): text.get_window_extent() for text in drawn.texts if text.get_text() in rows}
    assert len(boxes) == 12 and all(box.x1 < drawn.bbox.x1 for box in boxes.values())
    columns = {round(box.x0) for box in boxes.values()}
    assert 2 <= len(columns) <= 6
    assert boxes["row_0"].x0 == boxes["row_1"].x0 and boxes["row_0"].y0 > boxes["row_1"].y0
    top = max(axes.get_window_extent().y1 for axes in drawn.axes)
    assert all(box.y0 > top for box in boxes.values())


def test_a_report_has_it_once_it_was_measured(two):
    for row in ("baseline", "dropout"):
        leave(two, row, "noise", ["gaussian_noise"], [0.1, 0.2])
    write_report(two.write(), two.outputs)
    folder = two.outputs / "ablations" / "demo"
    check_drawn(folder / "figure_levels.png")
    assert "by level of noise" in (folder / "report.html").read_text()
    for path in two.outputs.glob("runs/*/evaluations/*"):
        path.unlink()
    write_report("demo", two.outputs)
    assert not (folder / "figure_levels.png").exists()
