"""Imports point down: a file imports only from floors below its own, and axes do not import each other."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "dropgrid"
AXES = {
    "regularizers",
    "norms",
    "activations",
    "initializers",
    "optimizers",
    "lr_schedules",
    "augments",
    "losses",
    "penalties",
    "averages",
}
FLOORS = {
    **dict.fromkeys({"errors", "streams", "sites", "masks", "instantiate", "paths", "files", "pages", "commands"}, 0),
    **dict.fromkeys({"treatment", "cores"}, 0),
    **dict.fromkeys(AXES, 0),
    **dict.fromkeys({"models", "data"}, 1),
    **dict.fromkeys({"learner", "callbacks", "loggers", "runs", "reports", "build", "evaluations", "diagnostics"}, 2),
    **dict.fromkeys({"audits", "trainers"}, 2),
    **dict.fromkeys({"sweeps", "train", "training", "ranks", "dashboards", "verify_resume", "evaluate", "diagnose"}, 3),
    **dict.fromkeys({"optimizer_paths"}, 3),
}


def rooms():
    """(file, its room, the rooms it imports) for every file of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module] if node.module != "dropgrid" else [f"dropgrid.{a.name}" for a in node.names]
            imported |= {name.split(".")[1] for name in names if name.startswith("dropgrid.")}
        yield path, parts[0], imported


def test_imports_point_down():
    seen = list(rooms())
    assert len(seen) > 40
    for path, room, imported in seen:
        for other in imported - {room}:
            assert FLOORS[other] <= FLOORS[room], f"{path} stands on floor {FLOORS[room]} and imports {other}"
            assert not (room in AXES and other in AXES), f"{path}: the axis {room} imports the axis {other}"


def test_models_import_no_regularizer():
    for path, room, imported in rooms():
        assert not (room == "models" and "regularizers" in imported), path


def test_every_file_stands_on_a_floor():
    assert {room for _, room, _ in rooms()} <= set(FLOORS)


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


def test_only_its_logger_and_the_dashboards_import_wandb():
    for path in PACKAGE.rglob("*.py"):
        assert "wandb" not in packages(path) or path.name == "wandb.py" or path.parent.name == "dashboards", path


def test_only_the_composition_root_and_the_planner_see_a_config_object():
    allowed = {"train.py", "compose.py", "plan.py", "explain.py", "reach.py"}
    for path, _, _ in rooms():
        assert "omegaconf" not in packages(path) or path.name in allowed, path
