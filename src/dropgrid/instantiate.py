"""The one door from a config node to a Python object, and what may be called through it.

A YAML names a constructor by its import path, `_target_`. A cell's config names it by `option`: the constructor's name
within its axis (`dropblock`), or, for code outside dropgrid, its import path (`torch.nn.ReLU`); so a module of dropgrid
can be renamed and a cell stays what it is. Each axis takes what its own room of dropgrid defines, and a few classes of
torch and Lightning by name; nothing else is imported. To allow more, set `DROPGRID_TARGETS`, outside of every config,
to a file of import paths, one a line (`my_lab.layers.Mask`, or `my_lab.layers.*` for all that lies under it).
"""

import importlib
import os
import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
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
    "loss": ("losses",),
    "lr_schedule": ("lr_schedules",),
    "model": ("models",),
    "norm": ("norms",),
    "optimizer": ("optimizers",),
    "penalty": ("penalties",),
    "regularizer": ("regularizers",),
    "task": ("tasks",),
    "trainer": (),
}
"""Axis -> where in dropgrid its options are defined."""

CALLED = {"average", "data", "loss", "penalty", "task", "trainer"}
"""Axes whose constructor is called with a node's values; those of the others are bound, and called later with more."""

OWN_KEYS = ("_target_", "_partial_", "option")
"""Keys of a node that are not arguments."""

ACTIVATIONS = "ELU GELU Hardswish Identity LeakyReLU Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Tanh"
EXACT = {
    "activation": frozenset(f"torch.nn.{name}" for name in ACTIVATIONS.split()),
    "loss": frozenset({"torch.nn.CrossEntropyLoss"}),
    "trainer": frozenset({"pytorch_lightning.Trainer"}),
}
"""Axis -> what of other packages it takes."""


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
    if node.get("_partial_", "option" in node and kind(axis) not in CALLED):
        return partial(target, **arguments, **extra)
    return call(axis, target, **arguments, **extra)


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
    module = constructors(kind(axis)).get(option)
    if module is None:
        known = ", ".join(sorted(constructors(kind(axis)))) or "none"
        raise UserError(f"{axis}: option must be one of {known}, or an import path, got {option!r}")
    return f"{module}.{option}"


def by_option(axis: str, node: Any) -> Any:
    """Return a composed node, and the nodes within it, as a cell's config has them: `option` for `_target_`.

    A node that `locate` would refuse stays as it is, for `locate` to say why.
    """
    if not isinstance(node, Mapping):
        return node
    mounts = {key: key if key in ROOMS else f"{axis}.{key}" for key in node if key not in OWN_KEYS}
    values = {key: by_option(mount, node[key]) for key, mount in mounts.items()}
    option = option_of(axis, node["_target_"]) if "_target_" in node else node.get("option")
    if option is not None:
        return {"option": option, **values}
    return {**{key: node[key] for key in OWN_KEYS if key in node}, **values}


def option_of(axis: str, path: object) -> str | None:
    """Return the name within its axis of the constructor at a path; for code outside dropgrid the path itself."""
    if not isinstance(path, str) or not may(axis, path):
        return None
    module, _, name = path.rpartition(".")
    if not ours(axis, path):
        return path
    return name if constructors(kind(axis)).get(name) == module else None


@cache
def constructors(axis: str) -> dict[str, str]:
    """Return name -> module of the public functions and classes that the rooms of an axis define, without importing.

    Of several modules that define a name, it is the one that has it too (`dropblock.dropblock`); else none.
    """
    found: dict[str, list[str]] = {}
    for room in ROOMS.get(axis, ()):
        place = PACKAGE.joinpath(*room.split("."))
        for path in sorted(place.glob("*.py")) or [place.with_suffix(".py")]:
            module = ".".join(("dropgrid", *path.relative_to(PACKAGE).with_suffix("").parts))
            for name in set(DEFINED.findall(path.read_text(encoding="utf-8"))):
                found.setdefault(name, []).append(module)
    chosen = {
        name: modules if len(modules) == 1 else [each for each in modules if each.endswith(f".{name}")]
        for name, modules in found.items()
    }
    return {name: modules[0] for name, modules in chosen.items() if len(modules) == 1}


DEFINED = re.compile(r"^(?:def|class) ([A-Za-z]\w*)", re.MULTILINE)


def locate(axis: str, path: object) -> Any:
    """The object at a dotted import path that the axis may call; UserError for any other, which is not imported."""
    if not isinstance(path, str) or not dotted(path):
        raise UserError(f"{axis}: _target_ must be an import path such as package.module.name, got {path!r}")
    if not may(axis, path):
        raise UserError(
            f"{axis}: _target_={path} is not allowed; allowed are {', '.join(allowed(axis))}; "
            f"to allow your own, write its import path into a file and set {VARIABLE} to the path of that file"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{axis}: cannot import {path}: {reason}") from error
    if ours(axis, path) and getattr(found, "__module__", None) != module:  # a room's door leads no further
        raise UserError(f"{axis}: cannot import {path}: {module} does not define it")
    return found


def module_of(axis: str, node: object) -> str | None:
    """Return the module that a node's constructor is in; None for a node that `instantiate` would refuse."""
    try:
        path = import_path(axis, node) if isinstance(node, Mapping) else None
    except UserError:
        return None
    return path.rpartition(".")[0] if isinstance(path, str) and may(axis, path) else None


def dotted(path: str) -> bool:
    """Whether a text is names with dots between them."""
    return "." in path and all(part.isidentifier() for part in path.split("."))


def may(axis: str, path: str) -> bool:
    """Whether an axis may call what a path names."""
    return dotted(path) and (ours(axis, path) or path in EXACT.get(kind(axis), ()) or theirs(path))


def kind(axis: str) -> str:
    """The axis of a mount: `regularizer` of `regularizer_2`, `diagnosis` of `diagnosis.signal`."""
    return axis.partition(".")[0].rstrip("0123456789").removesuffix("_")


def ours(axis: str, path: str) -> bool:
    """Whether a path lies in a room of the axis, and is public."""
    public = not any(part.startswith("_") for part in path.split("."))
    return public and path.startswith(tuple(f"dropgrid.{room}." for room in ROOMS.get(kind(axis), ())))


def theirs(path: str) -> bool:
    """Whether the user's own file names a path."""
    named = of_file(os.environ.get(VARIABLE, ""))
    return any(path.startswith(each[:-1]) if each.endswith(".*") else path == each for each in named)


def allowed(axis: str) -> list[str]:
    """What an axis may call, in words."""
    rooms = [f"dropgrid.{room}.*" for room in ROOMS.get(kind(axis), ())]
    return [*rooms, *sorted(EXACT.get(kind(axis), ()))] or ["none"]


@cache
def of_file(path: str) -> frozenset[str]:
    """The import paths of a file, one a line; what follows a # is a comment."""
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
    """Call a component; what it refuses is the user's error, named by axis."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        message = str(error)
        raise UserError(message if message.startswith(f"{axis}.") else f"{axis}: {message}") from error
