import importlib.util
import json
import re
from pathlib import Path

import pytest

from dropgrid.reports.scoreboard import NAME

ROOT = Path(__file__).parents[2]


def load():
    found = importlib.util.spec_from_file_location("benchmarks_publish", ROOT / "benchmarks/publish.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


PAGES = [ROOT / page for page in load().PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_the_kept_figures_say(page):
    text = page.read_text()
    assert load().renewed(text) == text


def test_every_kept_figure_is_published():
    said = "".join(page.read_text() for page in PAGES)
    kept = [*(ROOT / "results").glob("*.json"), *(ROOT / "results/benchmarks").glob("*.json")]
    assert len(kept) >= 7
    for path in kept:
        name = path.relative_to(ROOT / "results").with_suffix("").as_posix()
        assert json.loads(path.read_text())
        if name == NAME:
            continue  # tests/reports/test_scoreboard.py
        assert re.search(rf"<!-- results/{name} -->\n.+?\n<!-- end -->", said, re.DOTALL), name
