"""The gallery: each ablation's page, as it is built, has all that results/ keeps of it."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_gallery_has_every_ablation_with_all_that_is_kept_of_it(project):
    gallery = project / "docs" / "ablations"
    names = {path.stem for path in (ROOT / "conf" / "ablation").glob("*.yaml")}
    assert {path.stem for path in gallery.glob("*.md")} == {"README", *names}
    index = (gallery / "README.md").read_text()
    assert set(re.findall(r"^- \[.+?\]\((\w+)\.md\)", index, re.MULTILINE)) == names
    for table in (ROOT / "results").glob("*/table.md"):
        page = (gallery / f"{table.parent.name.partition('@')[0]}.md").read_text()
        rows = re.findall(r"^\|.*", table.read_text(), re.MULTILINE)
        assert rows and all(row in page for row in rows)
        whole = (table.parent / "cells.json.gz").exists()  # what it was made from; others are on no scoreboard
        claims = json.loads((table.parent / "table.json").read_text())["claims"] if whole else []
        claims = [claim for claim in claims if claim["outcome"] != "gone"]  # of rows that were taken out
        found = page.partition("**What was found**")[2].partition("    python")[0]
        verdicts = re.findall(r"^- \*\*(.+?)\*\*", found, re.MULTILINE)
        assert len(verdicts) >= len(claims) and {each["outcome"] for each in claims} <= set(verdicts)
        assert all(f"results/{table.parent.name}/{path.name})" in page for path in table.parent.glob("*.png"))
