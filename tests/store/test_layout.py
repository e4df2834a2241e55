"""The outputs folder has one owner: no module outside `store` joins a path of a name that the layout has."""

import ast
from pathlib import Path

import pytest

from dropgrid.errors import UserError
from dropgrid.store.cell import Cell
from dropgrid.store.layout import AblationFolder, EvaluationFolder, Outputs, RunFolder
from dropgrid.store.manifest import write_plan

PACKAGE = Path(__file__).parents[2] / "src" / "dropgrid"
OWNER = PACKAGE / "store"
OTHER_FOLDERS = {"optimizer_paths", "data"}
"""Rooms that write elsewhere: an example's own results, and the cache's formats."""

JOINING = {"Path", "joinpath", "join", "glob", "rglob", "with_name"}
"""Functions whose text arguments are paths."""


def parts(node):
    """The path segments of a text; of an f-string each piece between its values counts as one."""
    texts = [node] if isinstance(node, ast.Constant) else node.values if isinstance(node, ast.JoinedStr) else []
    found = [each.value for each in texts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return {part for text in found for part in text.split("/") if part}


def joined(tree):
    """Line -> the path segments joined there: by `/`, or as arguments of what takes a path; not beside the code."""
    found = {}
    for node in ast.walk(tree):
        texts = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            texts = [node.left, node.right]
        if isinstance(node, ast.Call) and "__file__" not in ast.unparse(node.func):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = node.args if name in JOINING else []
        for text in texts:
            found.setdefault(node.lineno, set()).update(parts(text))  # type: ignore[attr-defined]  # an expression has it, and only those have texts
    return {line: names for line, names in found.items() if names}


def names():
    """Every name that the layout joins, without patterns and what all paths have."""
    segments = set().union(*joined(ast.parse((OWNER / "layout.py").read_text())).values())
    return {each for each in segments if len(each) > 2 and each not in (".json", ".png", "*.json")}


def misplaced(text):
    """The names of the layout that a module joins itself, with their lines."""
    return {(line, name) for line, found in joined(ast.parse(text)).items() for name in found & names()}


MODULES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if OWNER not in path.parents and path.relative_to(PACKAGE).parts[0] not in OTHER_FOLDERS
]


def test_nothing_outside_the_store_joins_names_of_the_layout():
    assert len(MODULES) > 200
    found = {str(path.relative_to(PACKAGE)): misplaced(path.read_text()) for path in MODULES}
    assert not {path: lines for path, lines in found.items() if lines}


def test_the_layout_s_names_are_known():
    known = {"runs", "ablations", "replaced", "diagnostics", ".cache", "checkpoints", "evaluations", "cells"}
    known |= {"config.yaml", "result.json", "failure.json", "state.json", "log.txt", "cells.json", ".safetensors"}
    assert known <= names()


@pytest.mark.parametrize(
    "text",
    [
        'run(outputs / "runs" / id)',
        'x = folder / "result.json"',
        'x = folder / f"{which}.safetensors"',
        'Path("outputs/ablations")',
        'Path(outputs, "runs").joinpath("state.json")',
        'os.path.join(folder, "log.txt")',
        'outputs.glob("*/cells.json")',
        'folder.with_name("failure.json")',
    ],
)
def test_a_join_is_found_however_it_is_written(text):
    assert misplaced(text)


@pytest.mark.parametrize("text", ['x = conf / "train.yaml"', '"runs"', 'x = f"runs/{id}"', 'about["result.json"]'])
def test_what_joins_no_path_of_the_layout_is_left_alone(text):
    assert not misplaced(text)


def test_the_files_of_a_cell_and_of_an_ablation_lie_where_they_always_lay(tmp_path):
    outputs = Outputs(tmp_path)
    run, ablation = outputs.run("abc"), outputs.ablation("demo")
    assert run.result == tmp_path / "runs" / "abc" / "result.json" and run.weights("best").name == "best.safetensors"
    assert run.evaluation("e0").arrays == tmp_path / "runs" / "abc" / "evaluations" / "e0.npz"
    assert EvaluationFolder(run.evaluation("e0").folder).run == run == RunFolder(run.folder)
    assert ablation.cells == tmp_path / "ablations" / "demo" / "cells.json"
    assert ablation.link("a_b=1", "row", 3) == ablation.folder / "cells" / "a_b=1" / "row" / "seed3"
    assert run.outputs == outputs == AblationFolder(ablation.folder).outputs


def test_links_of_rows_and_factors_that_are_nearly_alike_are_several(tmp_path):
    rows = ["a b", "a/b", "a_b", "..", "", "A", "a", "\u4e2d" * 120, "e\u0301", "é", "x" * 300]
    factors = [{}, {f"axis{i}.key": "value" * 9 for i in range(12)}, {"k": "a/b"}, {"k": "a_b"}]
    place = Outputs(tmp_path)
    ids = iter(range(1000))
    cells = [Cell(f"c{next(ids)}", row, each, 0, [], tmp_path) for row in rows for each in factors]
    for cell in cells:
        place.run(cell.id).folder.mkdir(parents=True)
    write_plan(tmp_path, "x", {}, cells)
    links = [path for path in (tmp_path / "ablations" / "x" / "cells").rglob("seed0")]
    assert len(links) == len(rows) * len(factors)
    assert {path.resolve() for path in links} == {place.run(cell.id).folder.resolve() for cell in cells}


def test_a_run_s_folder_is_beneath_the_runs(tmp_path):
    for id in ("", "..", "a/b", ".hidden", "x" * 65):
        with pytest.raises(UserError, match="is no cell's id"):
            Outputs(tmp_path).run(id)
