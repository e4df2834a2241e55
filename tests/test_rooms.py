"""Imports point down, room by room: axes do not import each other, and no files import each other in a circle."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "dropgrid"
AXES = {
    *("regularizers", "norms", "initializers", "optimizers"),
    *("lr_schedules", "augments", "penalties", "averages"),
}
ROOMS = [
    {"checks", "errors", "streams", "treatment", "cores", "names", "printable"},
    {"files", "paths", "pages", "json_output"},
    {"instantiate", "commands"},
    {"masks", "level_schedules"},
    {"sites"},
    AXES,
    {"audits", "models", "data"},
    {"tasks"},
    {"store", "statistics"},
    {"learner"},
    {"plotting"},
    {"build", "loggers"},
    {"callbacks", "dry_build", "saved_network", "predict"},
    {"measure"},
    {"training", "reports"},
    {"planning"},
    {"execution"},
    {"cost"},
    {"cluster"},
    {"dashboards"},
    {"cli"},
]
"""From the ground up. Rooms of one floor do not import each other."""

FLOOR = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}


def module(path):
    return ".".join(("dropgrid", *path.relative_to(PACKAGE).with_suffix("").parts))


MODULES = {module(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"}


def imports(path):
    """The modules of the package that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found & MODULES.keys()


EDGES = {name: imports(path) for name, path in MODULES.items()}


def room(name):
    return name.split(".")[1]


def test_every_room_has_a_floor():
    assert len(MODULES) > 300
    assert {room(name) for name in MODULES} == set(FLOOR)


def test_imports_point_down():
    for name, found in EDGES.items():
        for other in found:
            assert room(name) == room(other) or FLOOR[room(other)] < FLOOR[room(name)], f"{name} imports {other}"


def test_no_files_import_each_other_in_a_circle():
    left = dict(EDGES)
    while free := [name for name, found in left.items() if not found & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"each of these imports another of them: {', '.join(left)}"


def test_models_import_no_option_of_an_axis():
    for name, found in EDGES.items():
        assert room(name) != "models" or not {room(other) for other in found} & {"regularizers"}, name


def test_no_folder_holds_more_than_thirty_modules():
    folders = {path.parent for path in MODULES.values()}
    assert max(len([*folder.glob("*.py")]) - 1 for folder in folders) <= 30


def packages(path):
    """The first names of all that a file imports."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


def test_every_way_of_importing_is_seen(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("import os, a.b as c\nfrom d.e import f\ndef g():\n    import h.i\nfrom . import j\n")
    assert packages(path) == {"os", "a", "d", "h"}


def test_only_loggers_and_the_dashboards_import_wandb():
    for path in MODULES.values():
        assert "wandb" not in packages(path) or path.parent.name in ("loggers", "dashboards"), path


def test_only_the_composition_root_and_the_planner_see_a_config_object():
    for name, path in MODULES.items():
        assert "omegaconf" not in packages(path) or room(name) == "planning" or name == "dropgrid.cli.train", name
