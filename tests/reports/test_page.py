"""report.html: complete, self-contained, and safe against what stands in names."""

import html
import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser

from dropgrid.reports.report import write

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
    report = write(fake.write(), fake.outputs)
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
    assert "script" not in outline.elements and "link" not in outline.elements
    text = re.sub(r"base64,[\w+/=]+", "", (fake.outputs / "ablations/demo/report.html").read_text())
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)


def test_names_are_text(fake):
    name = "<script>alert('&')</script> 50% #1"
    outline = page_of(fake.add({"baseline": (["a=b"], 0.0, []), name: (["regularizer=c"], 0.0, [])}, seeds=2))
    assert "script" not in outline.elements
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


def test_chromium_draws_the_page(fake, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        return  # nothing to draw with; the other tests read the page
    page_of(fake.add(["baseline", "dropout"], seeds=2))
    picture = tmp_path / "page.png"
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
    more = f"--disable-component-update --disable-sync --user-data-dir={tmp_path / 'profile'} --window-size=1200,900"
    page = fake.outputs / "ablations/demo/report.html"
    command = [chromium, *flags.split(), *more.split(), f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (1200, 900)
