import json
from pathlib import Path

import pytest

from dropgrid.errors import UserError
from dropgrid.reports.publish import publish, renewed

ROOT = Path(__file__).parents[2]


def test_the_marked_part_of_a_readme_is_renewed_and_nothing_else():
    text = "a\n<!-- results/x -->\nold\n<!-- end -->\nb\n<!-- results/y -->\nkept\n<!-- end -->\n"
    assert renewed(text, "x", "# Title\n\nquestion\n\n| new\\1 |\n") == text.replace("old", "| new\\1 |")


def test_what_is_not_finished_is_not_published(tmp_path):
    with pytest.raises(UserError, match="not finished"):
        publish("nothing", tmp_path, tmp_path)


@pytest.mark.parametrize("folder", sorted((ROOT / "results").glob("*/")), ids=lambda path: path.name)
def test_the_readme_shows_the_results_that_are_kept(folder):
    readme = (ROOT / "README.md").read_text()
    table = (folder / "table.md").read_text().strip()
    assert renewed(readme, folder.name, table) == readme and table[table.index("|") :] in readme
    assert f"results/{folder.name}/figure.png" in readme
    machine = json.loads((folder / "machine.json").read_text())
    assert machine["processor"] and machine["versions"]["torch"]
    rows = json.loads((folder / "table.json").read_text())["rows"]
    assert all(row["row"] in table for row in rows)
