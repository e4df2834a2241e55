"""A table in which some sites drop and others add noise: nobody calls noise dropped."""

import math

import pytest

from dropgrid.reports.columns import table_columns
from dropgrid.reports.figures import treatment
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import load, read
from dropgrid.treatment import MOVED, STANDARD_ERRORS

SHARE = math.erfc(1 / math.sqrt(2))


def noise_line(site, std, seed):
    facts = {"site": site, "kind": "GaussianNoise", "counts": MOVED, "shape": [64], "schedule": "constant"}
    realised = SHARE + 1e-4 * (seed - 1)
    return facts | {
        "nominal": std,
        "expected": SHARE,
        "realised": realised,
        "stderr": 2e-4,
        "clamped": False,
        "flagged": False,
    }


@pytest.fixture
def mixed(fake):
    """A baseline, a row that drops, one that adds noise, one that does both."""
    names = ["baseline", "dropout", "spatial_dropout", "drop_path"]
    fake.add(names, seeds=3)
    for cell in fake.of("dropout"):
        for site in cell["result"]["treatment"]["sites"]:
            site["counts"] = "dropped"
    for cell in fake.of("spatial_dropout"):
        cell["config"]["regularizer"] = {"option": "activation_noise", "std": 0.3}
        cell["result"]["treatment"]["sites"] = [noise_line("conv1", 0.3, cell["line"]["seed"])]
    for cell in fake.of("drop_path"):
        cell["config"]["regularizer_2"] = {"option": "weight_noise", "std": 0.02}
        cell["line"]["overrides"].append("+regularizer@regularizer_2=weight_noise")
        cell["result"]["treatment"]["sites"].append(noise_line("fc.weight#2", 0.01, cell["line"]["seed"]))
    return fake


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def texts(table, heading):
    (column,) = [column for column in table_columns(table) if column.heading == heading]
    return [column.text(row) for row in table.rows]


def test_the_dose_is_the_mean_over_elements_of_the_sites_that_drop_alone(mixed):
    """Sites that are expected to drop nothing do not act, and noise drops nothing."""
    shapes, idle = [[64, 7, 7], [32, 14, 14], [8, 3, 5], [10]], {"site": "idle", "shape": [999], "nominal": 0.0}
    doses = {"expected": [], "realised": []}
    for cell in mixed.of("drop_path"):
        lines = cell["result"]["treatment"]["sites"]
        for line, shape in zip(lines[:4], shapes, strict=True):
            line["shape"] = shape
        for part, found in doses.items():
            weighted = 3136 * lines[0][part] + 6272 * lines[1][part] + 120 * lines[2][part] + 10 * lines[3][part]
            found.append(weighted / 9538)
        lines.append(idle | {"expected": 0.0, "realised": 0.0})
    table = table_of(mixed)
    assert table.rows[3].expected == pytest.approx(sum(doses["expected"]) / 3)
    assert table.rows[3].realised == table.rows[3].dose == pytest.approx(sum(doses["realised"]) / 3)
    assert table.rows[2].expected is None and table.rows[2].realised is None and table.rows[0].dose is None
    values = [json_format.row_values(row) for row in table.rows]
    assert [each["dose"] for each in values] == [row.dose for row in table.rows]
    assert values[3]["dropped_realised"] == pytest.approx(100 * values[3]["dose"])
    shown = texts(table, "Dropped: expected → realised")
    assert shown[0] == shown[2] == "–" and "→" in shown[1] and "→" in shown[3]


def test_the_noise_s_standard_deviation_has_a_column_where_there_is_noise(mixed, tmp_path):
    assert texts(table_of(mixed), "Noise std") == ["–", "–", "0.3", "0.02"]
    assert texts(table_of(mixed), "keep_prob") == ["–", "0.9", "–", "0.9"]
    plain = table_of(type(mixed)(tmp_path / "plain").add(["baseline", "dropout"], seeds=2))
    assert all(column.heading != "Noise std" for column in table_columns(plain))


def test_of_stacked_regularizers_that_whose_sites_add_noise_gives_the_standard_deviation(fake):
    """A regularizer of binary units has an unused `std`; its sites have no line."""
    fake.add(["baseline", "dropout"], seeds=1)
    (cell,) = fake.of("dropout")
    cell["config"]["regularizer"] = {"kind": "binary", "std": 0.3}
    cell["config"]["regularizer_2"] = {"std": 0.1}
    cell["result"]["treatment"]["sites"] = [noise_line("fc.weight#2", 0.1, 0)]
    assert table_of(fake).rows[1].noise_std == 0.1
    cell["result"]["treatment"]["sites"] = []
    assert table_of(fake).rows[1].noise_std is None


def test_frame_and_json_tell_noise_from_what_was_dropped(mixed):
    name = mixed.write()
    frame = load(name, mixed.outputs)
    noisy = frame[frame["row"] == "spatial_dropout"]
    assert noisy[["drop_nominal", "drop_expected", "drop_realised", "keep_prob", "drop_prob"]].isna().all().all()
    assert (noisy["noise_std"] == 0.3).all() and noisy["moved_expected"].tolist() == pytest.approx([SHARE] * 3)
    assert noisy["moved_realised"].tolist() == pytest.approx([SHARE - 1e-4, SHARE, SHARE + 1e-4])
    both = frame[frame["row"] == "drop_path"]
    assert (both["drop_expected"] < 0.2).all() and both["moved_expected"].tolist() == pytest.approx([SHARE] * 3)
    assert frame[frame["row"] == "dropout"][["noise_std", "moved_expected"]].isna().all().all()
    lines = [json_format.row_values(row) for row in tabulate(read(name, mixed.outputs)).rows]
    assert [line["noise_std"] for line in lines] == [None, None, 0.3, 0.02]
    assert lines[2]["dropped_expected"] is None


def test_sites_say_what_they_count_and_those_of_older_results_drop(mixed):
    rows = table_of(mixed).rows
    assert [[site.counts for site in row.sites] for row in rows[:3]] == [[], ["dropped"], [MOVED]]
    assert [site.counts for site in rows[3].sites] == ["dropped"] * 4 + [MOVED]  # the four lines lack the key


def test_a_flagged_site_of_noise_is_not_said_to_drop(mixed):
    site = mixed.of("spatial_dropout")[0]["result"]["treatment"]["sites"][0]
    site |= {"flagged": True, "realised": 0.5}
    (note,) = [each for each in table_notes(table_of(mixed)) if "“spatial_dropout”" in each]
    assert f"31.73 % expected to be {MOVED}, 37.8" in note and "dropped," not in note


def faces(axes):
    return [(tuple(each.get_offsets()[0]), len(each.get_facecolor())) for each in axes.collections]


def test_both_kinds_lie_on_the_diagonal_told_apart_and_named(mixed):
    table = table_of(mixed)
    drawn = treatment.draw(table)
    axes = drawn.axes[0]
    sites = [site for row in table.rows for site in row.sites]
    at = [(100 * site.expected, 100 * site.realised) for site in sites]
    assert faces(axes) == [(pytest.approx(each), not site.drops) for each, site in zip(at, sites, strict=True)]
    assert axes.get_xlabel() == f"expected, % dropped or {MOVED}"
    caption = " ".join(drawn.texts[-1].get_text().split())
    assert "Filled: Gaussian noise, which drops nothing" in caption and "31.73 %" in caption


def test_a_figure_of_one_kind_names_that_alone(mixed):
    for cell in mixed.of("drop_path") + mixed.of("dropout"):
        cell["result"]["treatment"]["sites"] = []
    drawn = treatment.draw(table_of(mixed))
    assert drawn.texts[0].get_text() == "Moved by noise: realised against expected"
    assert drawn.axes[0].get_xlabel() == f"expected, % {MOVED}"


def test_the_page_says_of_each_site_what_is_counted(mixed, tmp_path):
    write_report(mixed.write(), mixed.outputs)
    page = (mixed.outputs / "ablations/demo/report.html").read_text()
    assert page.count(f'<td class="left">{MOVED}</td>') == 2 and page.count('<td class="left">dropped</td>') == 5
    assert "<td>σ = 0.3</td>" in page and "<td>σ = 0.01</td>" in page
    assert f"what was dropped or {MOVED} at each" in page and "31.731" in page
    plain = type(mixed)(tmp_path / "plain").add(["baseline", "dropout"], seeds=2)
    write_report(plain.write(), plain.outputs)
    page = (plain.outputs / "ablations/demo/report.html").read_text()
    assert "Counted" not in page and MOVED not in page and "What each site dropped of its cells, in percent" in page


@pytest.fixture
def sequences(mixed):
    """A row more of each kind: of its sites one leaves out rows, whose nominal is a share and no σ."""
    for cell in mixed.of("dropout") + mixed.of("spatial_dropout"):
        line = noise_line("train_rows", 0.4, cell["line"]["seed"]) | {"kind": "TrainRows", "counts": "rows left out"}
        cell["config"]["regularizer"]["std"] = 0.3
        cell["result"]["treatment"]["sites"].append(line | {"expected": 0.4, "realised": 0.4})
    return mixed


def test_what_neither_drops_nor_adds_noise_is_no_noise_in_the_frame(sequences):
    frame = load(sequences.write(), sequences.outputs)
    assert frame[frame["row"] == "dropout"][["noise_std", "moved_expected", "moved_realised"]].isna().all().all()
    noisy = frame[frame["row"] == "spatial_dropout"]
    assert (noisy["noise_std"] == 0.3).all() and noisy["moved_expected"].tolist() == pytest.approx([SHARE] * 3)
    assert noisy["drop_expected"].isna().all()


def test_what_neither_drops_nor_adds_noise_is_shown_as_a_share_of_what_it_counts(sequences):
    figure = treatment.draw(table_of(sequences))
    assert figure.texts[0].get_text() == "Dropped, or moved by noise, or rows left out: realised against expected"
    axes = figure.axes[0]
    assert axes.get_xlabel() == f"expected, % dropped or {MOVED} or rows left out"
    filled = [face for at, face in faces(axes) if at[0] == pytest.approx(40)]
    assert filled == [False, False]
    write_report(sequences.write(), sequences.outputs)
    page = (sequences.outputs / "ablations/demo/report.html").read_text()
    assert page.count("<td>40.000</td><td>40.000</td>") == 2 and "σ = 0.4" not in page
    assert "What each site counted, as its line says, in percent" in page and "31.731" in page
    assert f"further than {STANDARD_ERRORS} standard errors" in page


def test_where_no_noise_is_nothing_is_said_of_it(sequences):
    for name in ("spatial_dropout", "drop_path"):
        for cell in sequences.of(name):
            sites = cell["result"]["treatment"]["sites"]
            sites[:] = [site for site in sites if site.get("counts") != MOVED]
    figure = treatment.draw(table_of(sequences))
    assert not any("noise" in text.get_text() for text in figure.texts)
    write_report(sequences.write(), sequences.outputs)
    page = (sequences.outputs / "ablations/demo/report.html").read_text()
    assert "31.731" not in page and MOVED not in page


def with_doses(fake, **doses):
    """Rows with one site each that dropped just that."""
    fake.add(["baseline", *doses], seeds=2)
    for name, dose in doses.items():
        for cell in fake.of(name):
            (site, *_) = cell["result"]["treatment"]["sites"]
            cell["result"]["treatment"]["sites"] = [site | {"expected": dose, "realised": dose}]
    return fake


def note_on_doses(fake):
    return [each for each in table_notes(table_of(fake)) if each.startswith("Doses differ")]


def test_rows_whose_doses_differ_by_more_than_a_factor_of_1_5_are_named_with_them(fake):
    (note,) = note_on_doses(with_doses(fake, dropout=0.1, spatial_dropout=0.08, drop_path=0.066))
    assert "factor of 1.5: “drop_path” 6.60 %, “spatial_dropout” 8.00 %, “dropout” 10.00 %. " in note
    assert "“baseline”" not in note


def test_doses_within_a_factor_of_1_5_are_no_note(fake):
    assert note_on_doses(with_doses(fake, dropout=0.1, spatial_dropout=0.08, drop_path=0.067)) == []


def test_doses_of_different_blocks_are_not_compared(fake):
    for lr, scale in (("0.1", 1), ("0.2", 3)):
        before = len(fake.cells)
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
        for cell in fake.cells[before:]:
            for site in cell["result"]["treatment"]["sites"]:
                site |= {"expected": 0.05 * scale, "realised": 0.05 * scale}
    assert note_on_doses(fake) == []


def test_of_many_rows_the_note_names_the_two_ends(fake):
    names = {f"row{number:02}": (["regularizer=dropout"], 0.0, ["head"]) for number in range(12)}
    fake.add({"baseline": (["regularizer=none"], 0.0, []), **names}, seeds=1)
    for number, name in enumerate(names):
        (cell,) = fake.of(name)
        cell["result"]["treatment"]["sites"][0] |= {"expected": 0.02 * (number + 1), "realised": 0.02 * (number + 1)}
    (note,) = note_on_doses(fake)
    assert "12 rows from “row00” 2.00 % to “row11” 24.00 %" in note and "row05" not in note


def test_what_was_matched_before_training_is_said_under_the_table(fake):
    with_doses(fake, dropout=0.1, drop_path=0.1)
    solved = {"row": "dropout", "factors": {}, "override": "regularizer.keep_prob=0.9", "dose": 0.1}
    fake.about["matched"] = [solved]
    (note,) = [each for each in table_notes(table_of(fake)) if each.startswith("Doses matched")]
    assert note == "Doses matched before training: “dropout” regularizer.keep_prob=0.9, expected 10.00 %."
    fake.about["matched"] = [solved | {"factors": {"model": each}} for each in ("a", "b")]
    (note,) = [each for each in table_notes(table_of(fake)) if each.startswith("Doses matched")]
    assert "“dropout” (model=a) regularizer" in note and "“dropout” (model=b) regularizer" in note
