"""Whatever a stranger wrote into an outputs folder or an ablation's YAML: every output shows it, none obeys it."""

import csv as csv_reader
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pandas
import pytest
from fakes import ROWS, Fake
from hypothesis import given
from hypothesis import strategies as st

from dropgrid.cli import clean, merge, report, status
from dropgrid.printable import printable
from dropgrid.reports.formats import csv, latex, markdown, page
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats.terminal import plain_text
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ROOT = Path(__file__).parents[1]
SIGNS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F)]))
SIGNS += "\xad\u061c\u180e\u2060\u2066\u2067\u2068\u2069\ufeff\ufff9\U000e0041\ud800\udcff\u3164"
HOSTILE = f"=1+1|`x`<script>alert(1)</script>\x1b]0;title\x07\x1b[2J\x9b31m{SIGNS}[a](javascript:x)**b**\r\n# head"
IN_YAML = HOSTILE.encode("utf-8", "replace").decode()
STRANGE = set(SIGNS) - {"\n", "\t"}


def assert_clean(text):
    found = STRANGE & set(text)
    assert not found, [f"U+{ord(each):04X}" for each in found]
    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in text if each not in "\n\t")


@given(st.text(st.characters(), max_size=50))
def test_what_is_printed_is_seen(text):
    found = printable(text)
    assert_clean(found)
    assert printable(found) == found and isinstance(found.encode(), bytes)
    assert "".join(each for each in text if each.isprintable()) in found or not text.isprintable()


@pytest.mark.parametrize("text", ["", "dropout 0.9 – ±3 → é 中文 ∑", "a\n\tb", "a\N{NO-BREAK SPACE}b"])
def test_text_that_is_seen_stays(text):
    assert printable(text) == text


def planted(value, keys=False):
    """A value of JSON with the hostile text at the end of every text."""
    if isinstance(value, str):
        return f"{value}{HOSTILE}"
    if isinstance(value, list):
        return [planted(each) for each in value]
    if isinstance(value, dict):
        return {f"{key}{HOSTILE}" if keys else key: planted(each) for key, each in value.items()}
    return value


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Outputs with hostile text in every field that is a text and no key of ours."""
    place = tmp_path_factory.mktemp("hostile") / "outputs"
    fake = Fake(place)
    rows = {name: ROWS[name] for name in ("baseline", "dropout", "dropblock_last")}
    fake.add(rows, seeds=2, factors={"data.x": IN_YAML})
    kept = ("baseline", "metric", "name", "published", "swept", "scale", "ablation")
    fake.about = {key: value if key in kept else planted(value) for key, value in fake.about.items()}
    fake.about["baseline"] += HOSTILE
    fake.cells[-1]["status"] = "failed"
    for cell in fake.cells:
        cell["line"]["row"] += HOSTILE
        cell["line"]["overrides"] = planted(cell["line"]["overrides"])
        cell["failure"] = planted(cell["failure"])
        result = cell["result"]
        for site in result["treatment"]["sites"]:
            site |= planted({key: site[key] for key in ("site", "kind", "schedule")})
        for key in ("reproduce", "provenance"):
            result[key] = planted(result[key])
        result["provenance"]["versions"] = planted({"torch": "2"}, keys=True)
        result["metrics"][f"x{HOSTILE}"] = 1.0
    fake.write()
    for cell in fake.cells:
        (place / "runs" / cell["line"]["cell"] / "log.txt").write_bytes(HOSTILE.encode("utf-8", "surrogatepass"))
    return place


@pytest.fixture(scope="module")
def table(place):
    return tabulate(read("demo", place))


class Tags(HTMLParser):
    """What a browser takes for tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_shows_it(table):
    shown = page.render(table, {})
    assert_clean(shown)
    assert "<script>alert" not in shown and "&lt;script&gt;alert(1)" in shown
    found = Tags()
    found.feed(shown)
    assert "a" not in found.tags and not {each for each in found.attributes if each.startswith("on")}


def test_markdown_shows_it(table):
    text = markdown.render(table)
    assert_clean(text)
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert tables and all(len({len(re.findall(r"(?<!\\)\|", line)) for line in each}) == 1 for each in tables)
    assert "<script" not in text and "](" not in text.replace("\\](", "") and "`x`" not in text.replace("\\`", "")
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]]


def test_csv_shows_it_and_computes_nothing(table):
    text = csv.render(table)
    assert_clean(text)
    rows = [*csv_reader.reader(io.StringIO(text))]
    assert len({len(row) for row in rows}) == 1 and len(rows) == 1 + len(table.rows)
    frame = pandas.read_csv(io.StringIO(text))
    assert len(frame) == len(table.rows) and frame["mean"].dtype.kind == "f"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n@", "＝", "\u200b="])
def test_no_cell_of_a_spreadsheet_begins_as_a_formula(sign):
    found = csv.escape_formula(f"{sign}cmd|' /C calc'!A0")
    assert not found.lstrip().startswith(csv.SIGNS)
    assert csv.escape_formula("-0.5") == "-0.5" and csv.escape_formula("dropout") == "dropout"


def test_latex_shows_it(table):
    text = latex.render(table)
    assert_clean(text)
    assert text.isascii() and "$_" not in text.replace("\\$", "")


def test_json_shows_it(table):
    text = json_format.render(table)
    assert_clean(text)
    assert json.loads(text)["rows"]


def test_documents_of_wandb_show_it(table):
    from dropgrid.dashboards.document import make_report
    from dropgrid.dashboards.service import as_plain_data
    from dropgrid.dashboards.workspace import make_workspace

    pytest.importorskip("wandb_workspaces")
    for made in (make_workspace(table, project="p", entity="e"), make_report(table, [], project="p", entity="e")):
        texts = [*strings(as_plain_data(made))]
        assert texts and any("=1+1" in each for each in texts)
        for each in texts:
            assert_clean(each)


def strings(value):
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from strings(each)


def test_a_block_of_code_is_not_ended_by_its_text():
    from dropgrid.dashboards.document import fenced

    assert fenced("a\n```\n# b").splitlines()[0] == "````shell" and len(fenced("a\n```\n# b").splitlines()) == 3


def test_plain_text_shows_it(table):
    assert_clean(plain_text(table))


COMMANDS = {
    "status": lambda place, other: status.main([f"paths.outputs={place}"]),
    "status NAME": lambda place, other: status.main(["demo", f"paths.outputs={place}"]),
    "status failed": lambda place, other: status.main(["demo", "--failed", f"paths.outputs={place}"]),
    "status json": lambda place, other: status.main(["demo", "--json", f"paths.outputs={place}"]),
    "clean": lambda place, other: clean.main(["demo", "--checkpoints", f"paths.outputs={place}"]),
    "clean all": lambda place, other: clean.main([f"paths.outputs={place}"]),
    "merge": lambda place, other: merge.main([str(place), f"paths.outputs={other}"]),
    "report": lambda place, other: report.main(["demo", f"paths.outputs={place}"]),
    "unknown": lambda place, other: status.main([f"x{HOSTILE}".replace("\x00", ""), f"paths.outputs={place}"]),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_commands_show_it(place, tmp_path, capsys, command, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    command(place, tmp_path)
    shown = capsys.readouterr()
    assert_clean(shown.out)
    assert_clean(shown.err)
    assert "Traceback" not in shown.err and shown.out + shown.err


def test_a_followed_log_and_the_reason_that_it_ends_with(place, capsys):
    cell = json.loads((place / "ablations" / "demo" / "cells.json").read_text())[-1]["cell"]
    assert status.main(["--follow", cell, f"paths.outputs={place}"]) == 1
    shown = capsys.readouterr().out
    assert_clean(shown)
    assert "=1+1" in shown and "loss is not finite" in shown


def test_on_a_terminal_only_our_own_escapes_are_written(place, monkeypatch):
    from dropgrid.commands import terminal
    from dropgrid.reports.formats.terminal import Terminal

    file = io.StringIO()
    terminal(file=file, force_terminal=True, width=200).print(Terminal(tabulate(read("demo", place))))
    shown = file.getvalue()
    assert "\x1b[1m" in shown and "\x1b]0;" not in shown and "\x1b[2J" not in shown and "\x9b" not in shown
    assert not (STRANGE - {"\x1b"}) & set(shown)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["plan", "train"])
def test_an_ablation_of_a_stranger(tmp_path, script):
    import yaml

    folder = tmp_path / "conf" / "ablation"
    folder.mkdir(parents=True)
    about: dict = {**dict.fromkeys(("question", "title", "claim", "cost"), IN_YAML), "name": "x", "baseline": "a"}
    about["rows"] = {"a": ["regularizer=none"], "b=1|<b>": ["regularizer=dropout"]}
    tiny = {"data": "fake", "model": "resnet14"}
    sound: dict = {"defaults": ["_self_", *({f"override /{axis}": option} for axis, option in tiny.items())]}
    sound |= {"data": {"size": 12, "train": 64, "batch_size": 16}, "model": {"width": 0.25}, "ablation": about}
    (folder / "x.yaml").write_text("# @package _global_\n" + yaml.safe_dump(sound))
    line = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "+ablation=x"]
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path / "outputs")}
    line += [f"--config-dir={folder.parent}", "trainer.max_epochs=1", "sweep.seeds=1"]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for stream in (done.stdout, done.stderr):
        assert_clean(stream.decode())
