"""Measured numbers in pages come from results: what the site refuses to build."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the docs extra is not installed")
ROOT = Path(__file__).parents[2]
typed_numbers = runpy.run_path(str(ROOT / "docs/site/conf.py"))["typed_numbers"]


@pytest.mark.parametrize("page", ["README.md", *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("docs/*.md")))])
def test_no_page_has_a_typed_interval_or_a_marker_without_a_result(page):
    assert typed_numbers((ROOT / page).read_text()) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("it gains 1.2 [0.3, 2.1] points", "[0.3, 2.1] is typed"),
        ("it loses −1.2 [−2.10, +0.40]", "[−2.10, +0.40] is typed"),
        ("<!-- results/nothing -->\n1.2 [0.3, 2.1]\n<!-- end -->", "<!-- results/nothing --> has no result"),
        ("<!-- results/demo -->\n<!-- end -->", "<!-- results/demo --> has no result"),
        ("<!-- results/demo -->\n| 1 |\n", "<!-- results/demo has no end"),
    ],
)
def test_what_is_wrong_is_named(text, told):
    (found,) = typed_numbers(text)
    assert found.startswith(told)


def test_a_filled_marker_and_ranges_in_prose_are_right():
    assert typed_numbers("in [0, 1]\n<!-- results/demo -->\n1.2 [0.3, 2.1]\n<!-- end -->\nsize=[0.1,0.2]") == []
