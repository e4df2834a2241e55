"""statistics/ is arrays in, numbers out: it imports nothing else of the package and no reader of files."""

import ast
import sys
from pathlib import Path

from dropgrid.statistics import samples

FILES = sorted(Path(samples.__file__).parent.glob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "numpy", "scipy"} - {"io", "json", "csv", "os", "pathlib", "pickle", "subprocess"}


def imported(path):
    """What a file imports, wherever in it the import stands."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return [*names, *(node.module for node in nodes if isinstance(node, ast.ImportFrom))]


def test_it_imports_numpy_scipy_and_itself():
    assert len(FILES) > 5
    for path in FILES:
        for name in imported(path):
            assert name.startswith("dropgrid.statistics.") or name.partition(".")[0] in ALLOWED, f"{path.name}: {name}"


def test_it_opens_no_file():
    for path in FILES:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not {getattr(call, "id", getattr(call, "attr", "")) for call in calls} & {"open", "read_text", "load"}
