"""Markdown, CSV, LaTeX and JSON of one table."""

import csv
import io
import json
import re

import pytest

from dropgrid.cli.console import print_report
from dropgrid.reports.columns import format_interval, table_columns
from dropgrid.reports.formats import csv as csv_format
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import latex, markdown
from dropgrid.reports.formats.terminal import plain_text
from dropgrid.reports.report import Report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

NASTY = r"a & b_c <i>50%</i> #1 ~x^2 $y$ {z} | \end [q]"


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


@pytest.fixture
def nasty(fake):
    """A baseline, and a row whose name every format would misread."""
    from_rows = {"baseline": (["regularizer=none"], 0.0, []), NASTY: (["regularizer=dropout"], 0.4, ["head"])}
    fake.add(from_rows, seeds=3)
    return fake


def test_json_has_the_contract_s_fields(fake):
    fake.about["published"] = {"rows": {"dropout": {"mean": 76.8, "std": 0.04, "note": "Table 1"}}}
    value = json.loads(json_format.render(table_of(fake.add(["baseline", "dropout"]))))
    assert (value["metric"], value["unit"]) == ("test/acc_last", "percent")
    baseline, row = value["rows"]
    promised = {"row", "factors", "n", "planned", "mean", "std", "ci95", "delta", "delta_ci95", "p_value", "published"}
    assert promised | {"verdict", "keep_prob", "drop_prob"} <= set(row)
    assert baseline["delta"] is None and baseline["verdict"] is None
    assert row["published"]["mean"] == 76.8
    assert (row["n"], row["planned"], row["keep_prob"], row["drop_prob"]) == (5, 5, 0.9, 0.1)
    assert row["delta"] == pytest.approx(row["mean"] - baseline["mean"])
    low, high = row["delta_ci95"]
    assert low < row["delta"] < high and 0 < row["p_value"] < 1


def test_json_says_null_where_a_number_is_not_finite(fake):
    fake.add(["baseline"], seeds=1).cells[0]["result"]["metrics"]["test/nll_last"] = float("inf")
    text = json_format.render(table_of(fake))
    assert json.loads(text)["rows"][0]["metrics"]["test/nll_last"] is None
    assert "Infinity" not in text


def test_csv_has_json_s_numbers_unrounded(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout"], factors={"optimizer.lr": lr})
    table = table_of(fake)
    lines = list(csv.DictReader(io.StringIO(csv_format.render(table))))
    rows = json.loads(json_format.render(table))["rows"]
    assert [line["factor:optimizer.lr"] for line in lines] == ["0.05", "0.05", "0.1", "0.1"]
    for line, row in zip(lines, rows, strict=True):
        assert float(line["mean"]) == row["mean"]
        assert [line["delta_ci95_low"], line["delta_ci95_high"]] == [str(v) for v in row["delta_ci95"] or ("", "")]
        assert float(line["test/acc_best"]) == row["metrics"]["test/acc_best"]


def test_markdown_is_a_pipe_table_with_aligned_bars(fake):
    lines = [line for line in markdown.render(table_of(fake.add())).splitlines() if line.startswith("|")]
    assert len(lines) == 11
    assert len({len(line) for line in lines}) == 1
    bars = [[i for i, c in enumerate(line) if c == "|"] for line in lines]
    assert all(each == bars[0] for each in bars)
    assert re.fullmatch(r"(\| (-{2,}:|-{3,}) )+\|", lines[1])
    assert "dropblock_last_two" in lines[7]


def test_markdown_escapes_names(nasty):
    lines = [line for line in markdown.render(table_of(nasty)).splitlines() if line.startswith("|")]
    unescaped = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert len(set(unescaped)) == 1
    assert "&lt;i>" in lines[3] and "a &amp; b_c" in lines[3]


def test_latex_escapes_names_and_balances(nasty):
    text = latex.render(table_of(nasty))
    body = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    assert r"a \& b\_c \textless{}i\textgreater{}50\%\textless{}/i" in body
    assert r"\#1 \textasciitilde{}x\textasciicircum{}2 \$y\$ \{z\} \textbar{} \textbackslash{}end {[}q{]}" in body
    bare = re.sub(r"\\[\\{}&%$#_]", "", body)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    opened, closed = (re.findall(rf"\\{word}\{{(\w+)\}}", bare) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed) == ["minipage", "table", "tabular"]
    assert body.isascii()


def test_latex_lines_have_as_many_cells_as_columns(nasty):
    text = latex.render(table_of(nasty))
    count = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1])
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 3
    assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in lines} == {count}


def test_blocks_are_headed_by_their_factors_everywhere(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
    table = table_of(fake)
    for text in (markdown.render(table), latex.render(table), plain_text(table)):
        assert text.index("optimizer.lr=0.05") < text.index("optimizer.lr=0.1")
        assert text.count("dropout") >= 2


def test_published_numbers_stand_beside_ours_only_where_there_are_any(fake):
    fake.add(["baseline", "dropout"])
    assert "Published" not in markdown.render(table_of(fake))
    fake.about["published"] = {"rows": {"dropout": {"mean": 76.8}}}
    assert "Published" in markdown.render(table_of(fake)) and "76.80" in plain_text(table_of(fake))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_narrow_terminal_keeps_names_accuracies_and_intervals(fake, width):
    text = plain_text(table_of(fake.add()), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "dropblock_fixed_keep_prob " in text and "±" in text and "[" in text and "Verdict" in text
    assert ("Left out" in text) == (width < 160)


def test_wide_shows_all_columns_however_narrow_the_terminal(fake, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    table = table_of(fake.add())
    print_report(Report(table, []))
    assert "Left out" in capsys.readouterr().out
    print_report(Report(table, []), wide=True)
    out = capsys.readouterr().out
    assert "Left out" not in out and all(column.heading.split()[-1] in out for column in table_columns(table))


def test_names_are_text_on_the_terminal_not_markup(fake):
    fake.add({"baseline": (["a=b"], 0.0, []), "[red]x[/red]": (["a=c"], 0.0, [])}, seeds=2)
    assert "[red]x[/red]" in plain_text(table_of(fake))


@pytest.mark.parametrize("live", ["![px](http://x/p.png)", "[x](javascript:1)", "[x][y]", "[x]: http://x", r"[x\\](y)"])
def test_markdown_makes_no_link_of_a_name(live):
    text = markdown.markdown_text(live)
    assert not re.search(r"(?<!\\)(\\\\)*(!\[|\][(\[:])", text)
    assert text.replace("\\", "") == live.replace("\\", "")


def test_markdown_leaves_plain_brackets():
    assert markdown.markdown_text("groups=[3, 4] at 95 % [0.1, 0.2]!") == "groups=[3, 4] at 95 % [0.1, 0.2]!"


def test_csv_has_no_formulas(fake):
    fake.add({"baseline": (["a=b"], 0.0, []), "=HYPERLINK(1)": (["a=c"], -0.4, [])}, seeds=3)
    first, second = csv.DictReader(io.StringIO(csv_format.render(table_of(fake))))
    assert (first["row"], second["row"]) == ("baseline", "'=HYPERLINK(1)") and float(second["delta"]) < 0
    assert [csv_format.escape_formula(each) for each in ("@x", "\tx", "-1.5", -1.5, "x")] == [
        "'@x",
        "'\tx",
        "-1.5",
        -1.5,
        "x",
    ]


def test_an_end_of_an_interval_that_would_round_to_0_shows_its_side():
    assert format_interval((-0.7413, -0.002)) == "[−0.74, −0.002]"
    assert format_interval((-0.004, 1e-9)) == "[−0.004, 0.00]" and format_interval((0.01, 3)) == "[+0.01, +3.00]"
