"""The page that shows a sweep while it trains."""

import re

import pytest

from dropgrid.cli import status_page
from dropgrid.cli.status import main
from dropgrid.store.ablation import read
from dropgrid.store.ablation_status import AblationStatus

STATUSES = ["finished", "finished", "running", "failed", "interrupted", "pending"]


@pytest.fixture
def mixed(fake):
    """An ablation with a cell of each status; a name that is no text for HTML."""
    fake.add({"baseline": (["a=b"], 0.0, []), "<b>row</b>": (["a=c"], 0.0, [])}, seeds=3)
    for cell, status in zip(fake.cells, STATUSES, strict=True):
        cell["status"] = status
    fake.write()
    return fake


def status_of(fake):
    return AblationStatus(read("demo", fake.outputs))


def test_it_has_each_cell_each_curve_and_what_failed(mixed, monkeypatch):
    monkeypatch.setenv("HOME", str(mixed.outputs))
    page = status_page.render(status_of(mixed), {}, live=True)
    assert '<meta http-equiv="refresh" content="5">' in page and "<title>2 of 6" in page
    assert re.findall(r'title="seed (\d): (\w+)"', page) == [(str(n % 3), each) for n, each in enumerate(STATUSES)]
    curves = re.findall(r'<polyline points="([\d., ]+)"', page)
    assert len(curves) >= 2 and all(len(curve.split()) >= 2 for curve in curves)
    assert "<b>row</b>" not in page and "&lt;b&gt;row" in page
    assert "http://" not in page and "https://" not in page and str(mixed.outputs) not in page
    assert "~/runs/" in page  # of the failed cell's log


def test_curves_are_in_the_picture_the_best_highest():
    low, high = [(1.0, 0.2), (2.0, 0.4)], [(1.0, 0.5), (2.0, 0.9)]
    epochs, values = status_page.span_of([low, high])
    assert (epochs, values) == (2, (0.2, 0.9))

    def ends(curve):
        return [float(each) for each in status_page.points(curve, epochs, values).split()[-1].split(",")]

    assert ends(high)[1] < ends(low)[1] <= status_page.HEIGHT and ends(high)[0] == status_page.WIDTH


def test_it_is_written_while_cells_run_and_once_more_without_refresh(mixed, monkeypatch, tmp_path):
    pages, path = [], tmp_path / "page.html"
    monkeypatch.setattr("time.sleep", lambda _: pages.append(path.read_text()))

    def look():
        if len(pages) == 2:
            mixed.cells[2]["status"] = "finished"
            mixed.write()
        return status_of(mixed)

    monkeypatch.setattr(AblationStatus, "of", of_files(mixed))
    status_page.keep_current(path, look)
    assert len(pages) == 2 and all("refresh" in page for page in pages) and "refresh" not in path.read_text()


def of_files(fake):
    """`AblationStatus.of`, as the fake's cells have it: a running one needs a process."""
    wished = iter(fake.cells)
    known: dict[str, dict] = {}

    def of(self, *wanted):
        for cell in self.cells:
            if cell.id not in known:
                known[cell.id] = next(wished)
        return [cell for cell in self.cells if known[cell.id]["status"] in wanted]

    return of


def test_ctrl_c_leaves_a_page_that_rests(mixed, monkeypatch, tmp_path):
    monkeypatch.setattr(AblationStatus, "of", of_files(mixed))
    monkeypatch.setattr("time.sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        status_page.keep_current(tmp_path / "page.html", lambda: status_of(mixed))
    assert "refresh" not in (tmp_path / "page.html").read_text()


def test_the_command_names_its_file_and_needs_a_name(mixed, capsys):
    for cell in mixed.cells:
        cell["status"] = "finished"
    mixed.write()
    place = f"paths.outputs={mixed.outputs}"
    assert main(["demo", "--html", place]) == 0
    path = mixed.outputs / "ablations/demo/status.html"
    assert capsys.readouterr().out.strip() == str(path) and "refresh" not in path.read_text()
    assert main(["--html", place]) == 2
    assert capsys.readouterr().err == "error: --html takes the NAME of an ablation: demo\n"
