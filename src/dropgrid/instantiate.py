"""The one door from a config node to a Python object."""

import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from dropgrid.errors import UserError


def instantiate(axis: str, node: Mapping[str, Any], **extra: Any) -> Any:
    """Call the constructor that `node['_target_']` names with the node's other keys.

    With `_partial_: true` the arguments are bound and the constructor is returned uncalled. A value that the
    constructor refuses (ValueError, TypeError) becomes a UserError that names the axis.
    """
    arguments = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    target = locate(axis, node.get("_target_"))
    if node.get("_partial_", False):
        return partial(target, **arguments, **extra)
    return call(axis, target, **arguments, **extra)


def locate(axis: str, path: object) -> Any:
    """The object at a dotted import path."""
    if not isinstance(path, str) or "." not in path:
        raise UserError(f"{axis}: _target_ must be an import path such as package.module.name, got {path!r}")
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{axis}: cannot import {path}: {error}") from error


def call(axis: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a component; what it refuses is the user's error, named by axis."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        message = str(error)
        raise UserError(message if message.startswith(f"{axis}.") else f"{axis}: {message}") from error
