import json
from pathlib import Path

import pytest

from dropgrid.errors import UserError
from dropgrid.reports.publish import pages, publish, renewed
from dropgrid.reports.report import write

ROOT = Path(__file__).parents[2]


def test_the_marked_part_of_a_readme_is_renewed_and_nothing_else():
    text = "a\n<!-- results/x -->\nold\n<!-- end -->\nb\n<!-- results/y -->\nkept\n<!-- end -->\n"
    machine = {"device": "cpu", "processor": "P", "threads": 1, "cells": 4, "seconds_of_all_cells": 90, "date": "today"}
    new = "| new\\1 |\n- 4 cells, 2 worker-minutes, P, 1 thread, today."
    assert renewed(text, "x", "# Title\n\nquestion\n\n| new\\1 |\n", machine) == text.replace("old", new)


def test_what_is_not_finished_is_not_published(tmp_path):
    with pytest.raises(UserError, match="not finished"):
        publish("nothing", tmp_path, tmp_path)


def test_every_figure_is_kept_as_png_and_old_ones_go(fake):
    root = fake.outputs / "root"
    kept = root / "results" / "demo"
    kept.mkdir(parents=True)
    (kept / "figure_gone.png").write_bytes(b"old")
    (root / "README.md").write_text("<!-- results/demo -->\n<!-- end -->\n")
    fake.add(["baseline", "dropout"], seeds=2)
    write(fake.write(), fake.outputs)
    facts = dict.fromkeys(("processor", "cores", "threads", "device", "python", "versions", "source"), "x")
    run = fake.outputs / "runs" / fake.cells[0]["line"]["cell"]
    (run / "environment.json").write_text(json.dumps(facts))
    publish("demo", fake.outputs, root)
    figures = {"figure.png", "figure_curves.png", "figure_treatment.png"}
    assert {path.name for path in kept.iterdir()} == figures | {"table.md", "table.json", "machine.json"}
    assert "| **baseline**" in (root / "README.md").read_text()


KEPT = sorted(path.parent for path in (ROOT / "results").glob("*/table.json"))


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_the_pages_show_the_results_that_are_kept(folder):
    machine = json.loads((folder / "machine.json").read_text())
    table = (folder / "table.md").read_text().strip()
    texts = [page.read_text() for page in pages(ROOT)]
    assert all(renewed(text, folder.name, table, machine) == text for text in texts)
    assert any(table[table.index("|") :] in text for text in texts)
    assert any(f"results/{folder.name}/figure" in text for text in texts)
    assert machine["processor"] and machine["versions"]["torch"]
    rows = json.loads((folder / "table.json").read_text())["rows"]
    assert all(row["row"] in table for row in rows)
