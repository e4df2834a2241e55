"""Links of committed pages lead to what is committed."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def committed():
    """The files that git knows, from the root."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git here")
    return set(done.stdout.splitlines())


def targets(text):
    """What a page links to or shows, without anchors; nothing of what is elsewhere."""
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    return [each.partition("#")[0] for each in found if not re.match(r"\w+:|#", each)]


def test_no_committed_page_links_to_what_is_not_committed():
    known = committed()
    folders = {str(parent) for each in known for parent in Path(each).parents}
    pages = [each for each in known if each.endswith(".md") and not each.startswith(("results/", ".github/"))]
    assert len(pages) > 20
    count = 0
    for page in pages:
        for target in targets((ROOT / page).read_text()):
            path = str((ROOT / page).parent.joinpath(target).resolve().relative_to(ROOT.resolve()))
            assert path in known or path in folders, f"{page}: {target}"
            count += 1
    assert count > 150


def test_what_is_built_is_not_committed():
    assert not [each for each in committed() if each.startswith(("docs/methods/", "docs/ablations/", "build/"))]
