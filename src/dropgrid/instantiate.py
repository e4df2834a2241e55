"""The one door from a config node to a Python object, and what may be called through it.

A config, wherever it came from, names what is called: `_target_`. Each axis takes what its own room of dropgrid
defines, and a few classes of torch and Lightning by name; nothing else is imported. Who wants more says so outside of
every config: `DROPGRID_TARGETS` names a file of import paths, one a line (`my_lab.layers.Mask`, or `my_lab.layers.*`
for all that lies under it).
"""

import importlib
import os
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.paths import untilde

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

ACTIVATIONS = "ELU GELU Hardswish Identity LeakyReLU Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Tanh"
EXACT = {
    "activation": frozenset(f"torch.nn.{name}" for name in ACTIVATIONS.split()),
    "loss": frozenset({"torch.nn.CrossEntropyLoss"}),
    "trainer": frozenset({"pytorch_lightning.Trainer"}),
}
"""Axis -> what of other packages it takes."""


def instantiate(axis: str, node: Mapping[str, Any], /, **extra: Any) -> Any:
    """Call the constructor that `node['_target_']` names with the node's other keys.

    With `_partial_: true` the arguments are bound and the constructor is returned uncalled. A value that the
    constructor refuses (ValueError, TypeError) becomes a UserError that names the axis.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{axis} must be one of its options, got {node!r}")
    arguments = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    if taken := sorted(str(key) for key in arguments if key in extra or not isinstance(key, str)):
        raise UserError(f"{axis}.{taken[0]} cannot be set: it is no key of a config")
    target = locate(axis, node.get("_target_"))
    if node.get("_partial_", False):
        return partial(target, **arguments, **extra)
    return call(axis, target, **arguments, **extra)


def locate(axis: str, path: object) -> Any:
    """The object at a dotted import path that the axis may call; UserError for any other, which is not imported."""
    if not isinstance(path, str) or not dotted(path):
        raise UserError(f"{axis}: _target_ must be an import path such as package.module.name, got {path!r}")
    if not may(axis, path):
        raise UserError(
            f"{axis}: _target_={path} is not called; allowed are {', '.join(allowed(axis))}; "
            f"for one of your own write its import path into a file, and name that in {VARIABLE}"
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
    """The module that a node's constructor is in; None for a node that `instantiate` would refuse."""
    path = node.get("_target_") if isinstance(node, Mapping) else None
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
            raise UserError(f"{path}: {line!r} is no import path; a line is package.module.name or package.*")
    return frozenset(filter(None, lines))


def call(axis: str, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a component; what it refuses is the user's error, named by axis."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        message = str(error)
        raise UserError(message if message.startswith(f"{axis}.") else f"{axis}: {message}") from error
