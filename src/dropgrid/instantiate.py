"""Construct Python objects from config nodes, and decide which constructors a config may call.

A YAML names a constructor by its import path, `_target_`. A cell's config names it by `option`: the constructor's name
within its axis (`dropblock`), or, for code outside dropgrid, its import path (`torch.nn.ReLU`); so a module of dropgrid
can be renamed and a cell stays what it is. Each axis takes what its own room of dropgrid defines, and a few classes of
torch and Lightning by name; nothing else is imported. To allow more, set `DROPGRID_TARGETS`, outside of every config,
to a file of import paths, one a line (`my_lab.layers.Mask`, or `my_lab.layers.*` for all that is defined under it).
"""

import importlib
import os
import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError, one_line
from dropgrid.paths import PACKAGE, untilde

VARIABLE = "DROPGRID_TARGETS"

ROOMS = {
    "activation": (),
    "augment": ("augments",),
    "average": ("averages",),
    "data": ("data",),
    "diagnose": ("measure.diagnostics",),
    "diagnosis": ("measure.diagnosis", "measure.diagnostics"),
    "evaluate": ("measure.evaluations",),
    "init": ("initializers",),
    "logger": ("loggers",),
    "loss": (),
    "lr_schedule": ("lr_schedules",),
    "model": ("models",),
    "norm": ("norms",),
    "optimizer": ("optimizers",),
    "penalty": ("penalties",),
    "regularizer": ("regularizers",),
    "task": ("tasks",),
    "trainer": (),
}
"""Axis -> modules or packages of dropgrid that define its options."""

CALLED = {"average", "data", "loss", "penalty", "task", "trainer"}
"""Axes whose constructor is called with a node's values; those of the others are bound, and called later with more."""

OWN_KEYS = ("_target_", "_partial_", "option")
"""Keys of a node that are not arguments."""

ACTIVATIONS = "ELU GELU Hardswish Identity LeakyReLU Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Tanh"
EXACT = {
    "activation": frozenset(f"torch.nn.{name}" for name in ACTIVATIONS.split()),
    "loss": frozenset({"torch.nn.CrossEntropyLoss"}),
    "trainer": frozenset({"pytorch_lightning.Trainer", "lightning.pytorch.Trainer"}),
    "launcher": frozenset(
        {
            "hydra_plugins.dropgrid.launcher.DropgridLauncher",
            "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
            "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
            "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher",
            "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
            "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
        }
    ),
    "sweeper": frozenset(
        {
            "hydra_plugins.dropgrid.sweeper.DropgridSweeper",
            "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
        }
    ),
}
"""Axis -> import paths outside dropgrid that it may call; `launcher` and `sweeper` are Hydra's, which calls them."""


def instantiate(axis: str, node: Mapping[str, Any], /, **extra: Any) -> Any:
    """Call the constructor that a node names with the node's other keys, or bind them if the axis is not `CALLED`.

    Raises:
        UserError: names the axis: no node, a constructor that may not be called, or a value that it refuses with
            ValueError or TypeError.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{axis} must be one of its options, got {node!r}")
    arguments = {k: v for k, v in node.items() if k not in OWN_KEYS}
    if taken := sorted(str(key) for key in arguments if key in extra or not isinstance(key, str)):
        raise UserError(f"{axis}.{taken[0]} cannot be set: it is not a config key")
    target = locate(axis, import_path(axis, node))
    if node.get("_partial_", "option" in node and axis_of(axis) not in CALLED):
        return partial(target, **arguments, **extra)
    return call(axis, target, **arguments, **extra)


def instantiate_nested(axis: str, node: Any) -> Any:
    """Return a node with the constructors that it and the nodes within it name called, the inner ones first.

    Raises:
        UserError: as `instantiate` does.
    """
    if isinstance(node, list):
        return [instantiate_nested(axis, each) for each in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: instantiate_nested(f"{axis}.{key}", each) for key, each in node.items()}
    return instantiate(axis, made) if "_target_" in node or "option" in node else made


def import_path(axis: str, node: Mapping[str, Any]) -> object:
    """Return the import path of a node's constructor: its `_target_`, or that of its `option`.

    Raises:
        UserError: the axis defines no constructor of that name.
    """
    if "option" not in node or "_target_" in node:
        return node.get("_target_")
    option = node["option"]
    if not isinstance(option, str) or "." in option:
        return option
    module = constructors(axis_of(axis)).get(option)
    if module is None:
        known = ", ".join(sorted(constructors(axis_of(axis)))) or "none"
        raise UserError(f"{axis}: option must be one of {known}, or an import path, got {option!r}")
    return f"{module}.{option}"


def by_option(axis: str, node: Any) -> Any:
    """Return a composed node, and the nodes within it, as a cell's config has them: `option` for `_target_`.

    A node that `locate` would refuse stays as it is, for `locate` to say why; so do those of a function's config.

    Raises:
        UserError: a constructor's argument has the name `option`.
    """
    if not isinstance(node, Mapping) or axis.startswith("task.function."):
        return node
    if "_target_" in node and "option" in node:
        raise UserError(f"{axis}.option cannot be set: the name is dropgrid's own; give the key another name")
    whole = axis_of(axis) == "task"  # what is within it is its own: `task.datamodule.data` is no data set of ours
    mounts = {key: key if key in ROOMS and not whole else f"{axis}.{key}" for key in node if key not in OWN_KEYS}
    values = {key: by_option(mount, node[key]) for key, mount in mounts.items()}
    option = option_of(axis, node["_target_"]) if "_target_" in node else node.get("option")
    if option is not None:
        bound = {"_partial_": True} if node.get("_partial_") and axis_of(axis) in CALLED else {}
        return {"option": option, **bound, **values}
    return {**{key: node[key] for key in OWN_KEYS if key in node}, **values}


def option_of(axis: str, path: object) -> str | None:
    """Return the name within its axis of the constructor at a path; for code outside dropgrid the path itself."""
    if not isinstance(path, str) or not is_allowed(axis, path):
        return None
    name = path.rpartition(".")[2]
    return name if in_rooms(axis, path) else path


@cache
def constructors(axis: str) -> dict[str, str]:
    """Return name -> module of the options that the rooms of an axis define, without importing.

    Each is named as its module, but for case and underscores (`dropblock.dropblock`, `fashion_mnist.FashionMnist`), a
    network perhaps with `Net`, or is the one that a module `none` defines: what else is in a room, its readers and
    writers of files, is not called.
    """
    found: dict[str, str] = {}
    for room in ROOMS.get(axis, ()):
        place = PACKAGE.joinpath(*room.split("."))
        for path in sorted(place.glob("*.py")) or [place.with_suffix(".py")]:
            module = ".".join(("dropgrid", *path.relative_to(PACKAGE).with_suffix("").parts))
            for name in DEFINED.findall(path.read_text(encoding="utf-8")):
                own = plain(path.stem)
                if plain(name) in (own, f"{own}net") or (own == "none" and name.startswith("No")):
                    found[name] = module
    return found


def plain(name: str) -> str:
    """Return a name without case and underscores."""
    return name.replace("_", "").lower()


DEFINED = re.compile(r"^(?:def|class) ([A-Za-z]\w*)", re.MULTILINE)


def locate(axis: str, path: object) -> Any:
    """Import and return the object at a dotted path; UserError, without import, if the axis may not call it."""
    if not isinstance(path, str) or not is_dotted(path):
        raise UserError(f"{axis}: _target_ must be an import path such as package.module.name, got {path!r}")
    if not is_allowed(axis, path):
        raise UserError(
            f"{axis}: _target_={path} is not allowed; allowed are {', '.join(allowed(axis))}; "
            f"to allow your own, write its import path into a file and set {VARIABLE} to the path of that file"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
        raise UserError(f"{axis}: cannot import {path}: {one_line(error)}") from error
    own = in_rooms(axis, path) or not is_listed(axis, path)
    if own and getattr(found, "__module__", None) != module:  # not what the module has imported
        raise UserError(f"{axis}: cannot import {path}: {module} does not define it")
    return found


def module_of(axis: str, node: object) -> str | None:
    """Return the module that a node's constructor is in; None for a node that `instantiate` would refuse."""
    try:
        path = import_path(axis, node) if isinstance(node, Mapping) else None
    except UserError:
        return None
    return path.rpartition(".")[0] if isinstance(path, str) and is_allowed(axis, path) else None


def is_dotted(path: str) -> bool:
    """Predicate: a text is names separated by dots."""
    return "." in path and all(part.isidentifier() for part in path.split("."))


def is_allowed(axis: str, path: str) -> bool:
    """Predicate: an axis may call the object at a path."""
    return is_dotted(path) and (in_rooms(axis, path) or path in EXACT.get(axis_of(axis), ()) or in_users_file(path))


def axis_of(axis: str) -> str:
    """Return the axis of a mount: `regularizer` of `regularizer_2`, `diagnosis` of `diagnosis.signal`."""
    return axis.partition(".")[0].rstrip("0123456789").removesuffix("_")


def in_rooms(axis: str, path: str) -> bool:
    """Predicate: a path is that of an option in a room of the axis."""
    module, _, name = path.rpartition(".")
    return constructors(axis_of(axis)).get(name) == module


def in_users_file(path: str) -> bool:
    """Predicate: the file that DROPGRID_TARGETS names allows a path."""
    named = read_targets(os.environ.get(VARIABLE, ""))
    return path in named or any(path.startswith(each[:-1]) for each in named if each.endswith(".*"))


def is_listed(axis: str, path: str) -> bool:
    """Predicate: a path is listed as it stands, by us or by the user, not as one of a module's."""
    return path in EXACT.get(axis_of(axis), ()) or path in read_targets(os.environ.get(VARIABLE, ""))


def allowed(axis: str) -> list[str]:
    """Return what an axis may call, for messages."""
    rooms = [f"dropgrid.{room}.*" for room in ROOMS.get(axis_of(axis), ())]
    return [*rooms, *sorted(EXACT.get(axis_of(axis), ()))] or ["none"]


@cache
def read_targets(path: str) -> frozenset[str]:
    """Return the import paths of a file, one per line; # starts a comment."""
    if not path:
        return frozenset()
    try:
        text = Path(untilde(path)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}, which {VARIABLE} names: {error}") from error
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    for line in filter(None, lines):
        parts = line.removesuffix(".*").split(".")
        if not all(part.isidentifier() for part in parts):
            raise UserError(f"{path}: {line!r} is not an import path; a line is package.module.name or package.*")
    return frozenset(filter(None, lines))


def call(axis: str, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a constructor; turn ValueError and TypeError into a UserError that names the axis."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        message = one_line(error)
        raise UserError(message if message.startswith(f"{axis}.") else f"{axis}: {message}") from error
