"""report.html: complete, self-contained, safe against what stands in names, and sorted by a click."""

import html
import json
import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser

import pytest
from scipy import stats

from dropgrid.reports.report import write_report

VOID = {"meta", "img", "br", "link"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects text and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses, self.elements = [], "", [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.addresses += [value for key, value in attributes if key in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page_of(fake):
    report = write_report(fake.write(), fake.outputs)
    outline = Outline()
    outline.feed(report.paths[-1].read_text())
    assert outline.open == []
    return outline


def test_page_has_every_row_cell_metric_and_note(fake):
    fake.about["claim"] = "DropBlock is best."
    outline = page_of(fake.add())
    for cell in fake.cells:
        assert cell["line"]["cell"] in outline.text
        assert cell["result"]["reproduce"] in outline.text
    for text in ("dropblock_last_two_skip", "DropBlock is best.", "test/nll_last", "paired by seed", "g3.b1.conv1"):
        assert text in outline.text
    for text in (
        fake.about["question"],
        fake.about["command"],
        "2.11.0",
        "0123456789ab",
        "regularizer.schedule=constant",
    ):
        assert text in outline.text


def test_page_needs_nothing_else(fake):
    outline = page_of(fake.add(["baseline", "dropout"], seeds=2))
    assert len(outline.addresses) == 3
    assert all(address.startswith("data:image/png;base64,") for address in outline.addresses)
    assert outline.elements.count("script") == 1 and "link" not in outline.elements
    text = re.sub(r"base64,[\w+/=]+", "", (fake.outputs / "ablations/demo/report.html").read_text())
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)


def test_names_are_text(fake):
    name = "<script>alert('&')</script> 50% #1"
    outline = page_of(fake.add({"baseline": (["a=b"], 0.0, []), name: (["regularizer=c"], 0.0, [])}, seeds=2))
    assert outline.elements.count("script") == 1  # our own
    assert name in outline.text
    assert html.escape(name, quote=False).split("'")[0] in (fake.outputs / "ablations/demo/report.html").read_text()


def test_failures_and_what_is_missing_are_listed_with_reason_and_log(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    for cell, status in zip(fake.of("dropout"), ("failed", "running", "pending"), strict=True):
        cell["status"] = status
    outline = page_of(fake)
    assert "Not finished: 3 of 6 cells" in outline.text
    assert "ValueError: loss is not finite at step 31" in outline.text
    assert f"runs/{fake.of('dropout')[0]['line']['cell']}/log.txt" in outline.text


def test_several_sources_are_counted_in_the_environment(fake):
    fake.add(["baseline", "dropout"], seeds=2).of("dropout")[0]["result"]["provenance"]["source"] = "other"
    outline = page_of(fake)
    assert "(3 cells)" in outline.text and "(1 cells)" in outline.text


needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to open the page with")


def opened(page, folder, *more):
    """Open a page in Chromium without a network; what it prints."""
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
    flags += " --disable-component-update --disable-sync --window-size=1200,900 --enable-logging=stderr"
    command = ["chromium", *flags.split(), f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True)
    assert "CONSOLE" not in done.stderr
    return done.stdout


def asked(page, folder, script):
    """What a script finds in the page once it is loaded: its value, and the errors of the page's own script."""
    before = "<script>errors = []; addEventListener('error', each => errors.push(each.message))</script>"
    probe = f"const value = (() => {{ {script} }})(), answer = document.createElement('output');"
    probe += "answer.textContent = JSON.stringify({ value, errors }); document.body.append(answer);"
    after = f"<script>addEventListener('load', () => {{ {probe} }})</script>"
    copy = folder / "probed.html"
    copy.write_text(page.read_text().replace("<head>", f"<head>{before}").replace("</body>", f"{after}</body>"))
    found = re.search(r"<output>(.*)</output>", opened(copy, folder, "--dump-dom"), re.DOTALL)
    answer = json.loads(html.unescape(found[1]))
    assert answer["errors"] == []
    return answer["value"]


@needs_chromium
def test_chromium_draws_the_page(fake, tmp_path):
    page_of(fake.add(["baseline", "dropout"], seeds=2))
    page = fake.outputs / "ablations/demo/report.html"
    picture = tmp_path / "page.png"
    opened(page, tmp_path, f"--screenshot={picture}")
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (1200, 900)
    widths = asked(page, tmp_path, "return [...document.images].map(each => each.naturalWidth);")
    assert len(widths) == 3 and min(widths) > 1000


@needs_chromium
def test_a_click_on_a_heading_sorts_and_the_third_restores(fake, tmp_path):
    fake.add(["baseline", "dropout", "spatial_dropout", "dropblock_last", "dropblock_fixed_keep_prob"], seeds=3)
    fake.of("dropblock_last")[0]["status"] = "failed"
    table = write_report(fake.write(), fake.outputs).table
    script = """
        const tables = [...document.querySelectorAll("table.sortable")], found = [];
        const table = tables.find(each => each.tHead.textContent.includes("Difference"));
        const heads = [...table.tHead.rows[0].cells];
        const rows = () => [...table.tBodies[0].rows].map(line => line.cells[0].textContent);
        for (const heading of ["Difference", "Row"])
          for (let click = 0; click < 3; click++) {
            const head = heads.find(each => each.textContent.startsWith(heading));
            head.querySelector("button").click();
            found.push([head.getAttribute("aria-sort"), rows()]);
          }
        return [found, heads.filter(each => each.hasAttribute("aria-sort")).length, rows()];"""
    found, left, last = asked(fake.outputs / "ablations/demo/report.html", tmp_path, script)
    names = [row.name for row in table.rows]
    apart = {row.name: 0.0 if row.baseline else row.difference and row.difference.mean for row in table.rows}
    known = [name for name in names if apart[name] is not None]
    assert set(names) - set(known) == {"dropblock_last"} and apart["spatial_dropout"] < 0
    up = sorted(known, key=lambda name: apart[name])
    assert [each[0] for each in found] == ["descending", "ascending", None, "ascending", "descending", None]
    assert found[0][1] == [*reversed(up), "dropblock_last"]
    assert found[1][1] == [*up, "dropblock_last"]
    assert found[3][1] == sorted(names) and found[4][1] == sorted(names, reverse=True)
    assert found[2][1] == found[5][1] == names == last and left == 0


def test_without_its_script_the_page_has_its_headings(fake):
    page_of(fake.add(["baseline", "dropout"], seeds=2))
    text = (fake.outputs / "ablations/demo/report.html").read_text()
    assert "<button" not in text.partition("<script>")[0] and ">Test accuracy<" in text


def test_a_flagged_site_opens_the_treatment(fake):
    fake.add(["baseline", "dropout"], seeds=2)
    page = page_of(fake)
    assert "1 sites, none flagged" in page.text
    fake.of("dropout")[0]["result"]["treatment"]["sites"][0]["flagged"] = True
    page = page_of(fake)
    assert "1 sites, 1 flagged" in page.text
    assert "<details open>" in (fake.outputs / "ablations/demo/report.html").read_text()


def test_the_share_of_seeds_above_the_baseline_stands_there_with_its_exact_interval(fake):
    fake.add(["baseline", "dropout"], seeds=5)
    for cell, accuracy in zip(fake.of("dropout"), (0.99, 0.99, 0.99, 0.99, 0.1), strict=True):
        cell["result"]["metrics"]["test/acc_last"] = accuracy
    outline = page_of(fake)
    low, high = (100 * each for each in stats.binomtest(4, 5).proportion_ci(method="exact"))
    assert "Seeds above baseline" in outline.text and f"80 [{low:.0f}, {high:.0f}]" in outline.text
