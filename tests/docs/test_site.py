"""The site: builds without a warning, asks the network for nothing, and finds what is searched."""

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(illustrated, tmp_path_factory):
    pytest.importorskip("sphinx", reason="the docs extra is not installed")
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--conf-dir", "docs/site", ".", str(folder)]
    done = subprocess.run(line, cwd=illustrated, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there_with_navigation_and_search(site, illustrated):
    pages = [illustrated / "README.md", *(illustrated / "docs").rglob("*.md")]
    assert len(pages) > 150
    for page in pages:
        html = (site / page.relative_to(illustrated).with_suffix(".html")).read_text()
        assert 'class="sidebar-search"' in html and ">Gallery of ablations<" in html, page
    assert "README.html" in (site / "index.html").read_text()
    assert "dropblock" in (site / "searchindex.js").read_text()


def test_no_page_loads_anything_from_elsewhere(site):
    loads = re.compile(
        r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^\"]*|url\([\"']?https?:|@import"
    )
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not loads.search(path.read_text()), path


def test_links_and_pictures_resolve(site):
    for path in site.rglob("*.html"):
        for target in re.findall(r'(?:src|href)="([^"#?:]+)[^":]*"', path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
