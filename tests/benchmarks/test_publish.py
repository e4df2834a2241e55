import importlib.util
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load():
    found = importlib.util.spec_from_file_location("benchmarks_publish", ROOT / "benchmarks/publish.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_readme_says_what_the_kept_figures_say():
    readme = (ROOT / "README.md").read_text()
    assert load().renewed(readme) == readme
    for path in (ROOT / "results").glob("*.json"):
        assert json.loads(path.read_text())
        assert re.search(rf"<!-- results/{path.stem} -->\n.+\n<!-- end -->", readme), path.name
