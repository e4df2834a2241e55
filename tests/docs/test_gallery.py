"""The gallery: each ablation's page has all that results/ keeps of it (that it is current: test_methods)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "ablations"


def test_the_gallery_has_every_ablation_with_all_that_is_kept_of_it():
    names = {path.stem for path in (ROOT / "conf" / "ablation").glob("*.yaml")}
    assert {path.stem for path in GALLERY.glob("*.md")} == {"README", *names}
    index = (GALLERY / "README.md").read_text()
    assert set(re.findall(r"^- \[.+?\]\((\w+)\.md\)", index, re.MULTILINE)) == names
    for table in (ROOT / "results").glob("*/table.md"):
        page = (GALLERY / f"{table.parent.name.partition('@')[0]}.md").read_text()
        rows = re.findall(r"^\|.*", table.read_text(), re.MULTILINE)
        assert rows and all(row in page for row in rows)
        assert all(f"results/{table.parent.name}/{path.name})" in page for path in table.parent.glob("*.png"))
