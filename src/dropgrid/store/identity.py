"""A cell is its resolved config: what is hashed, what is only about place, and the hash.

Hashed are, for each axis, the option (the constructor's name within its axis) and its values: neither a YAML's name nor
a module's path is in an id.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.instantiate import axis_of, by_option
from dropgrid.tasks.description import TRAINS_ITSELF, task_option, trains_itself

FORMAT = 3
"""Raised when equal configs no longer mean equal training: all cells then get new ids."""

AS_BEFORE: Mapping[tuple[str, ...], Any] = {
    ("data", "Fake", "targets"): "classes",
    ("data", "ImageFolder", "exif"): False,
    ("model", "LSTM", "layer_norm"): "gates",
    ("regularizer", "dropblock", "part"): "encoder",
}
"""What was added to configs since this FORMAT, each with the value that means what its absence meant: it is left out of
the hash at that value. Keys are `(axis,)` for a whole axis, `(axis, option, key)` for a key of an option."""

ABOUT_PLACE = ("paths", "sweep", "logger", "ablation", "scale", "report", "name")
"""Top-level keys outside a cell's identity."""

ABOUT_PLACE_IN = {
    "data": ("root", "download", "workers", "follow_links"),
    "trainer": ("accelerator", "devices"),
    "init": ("path",),
}
"""Keys of an axis outside a cell's identity: where data lie, how they are read, on what is computed."""

OF_THE_LOADER = ("batch_size", "eval_batch_size", "workers", "fingerprint", "normalize", "sampler")
"""Keys of `data` that are not the source's arguments: the fingerprint follows from the others."""


BUILT_ELSEWHERE = ("torchvision", "timm")
"""Options of model that a library builds, with norms, activations and initial weights of its own."""

OWN = {"option": "own"}
"""The node of an axis that such a network does not read."""

READ_INIT = ("checkpoint",)
"""Options of init that such a network reads: weights that were trained."""


def unread_axes(config: Mapping[str, Any]) -> list[str]:
    """Return the axes that a config's network does not read, because a library builds it."""
    if option_of(config.get("model")) not in BUILT_ELSEWHERE:
        return []
    return ["norm", "activation", *(["init"] if option_of(config["init"]) not in READ_INIT else [])]


def option_of(node: Any) -> Any:
    """Return the option of an axis' node; None of what is no node, as a stranger's YAML may have it."""
    return node.get("option") if isinstance(node, Mapping) else None


def divide(resolved: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two parts of a resolved config: what a cell is, and where it runs."""
    config: dict[str, Any] = {}
    local: dict[str, Any] = {}
    for axis, composed in resolved.items():
        node = by_option(axis, composed)
        if axis in ABOUT_PLACE:
            local[axis] = node
        elif axis in ABOUT_PLACE_IN:
            place = ABOUT_PLACE_IN[axis]
            config[axis] = {k: v for k, v in node.items() if k not in place}
            local[axis] = {k: v for k, v in node.items() if k in place}
        else:
            config[axis] = node
    if trains_itself(config):
        return read_by_itself(config), local
    return {**config, **{axis: dict(OWN) for axis in unread_axes(config)}}, local


def read_by_itself(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that a training of one's own reads: its task, the seed, some keys of the trainer."""
    read = TRAINS_ITSELF[task_option(config)]
    trainer = {key: value for key, value in config["trainer"].items() if key in ("option", *read)}
    return {"seed": config["seed"], "task": config["task"], "trainer": trainer}


def added_since(axis: str, node: Any) -> dict[str, Any]:
    """Return the keys added to an axis' option since this FORMAT, each at the value that means what absence meant."""
    return {path[2]: value for path, value in AS_BEFORE.items() if path[:-1] == (axis_of(axis), option_of(node))}


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as it would be written today: what was added since it was written, at the value of absence."""
    axes = {path[0]: node for path, node in AS_BEFORE.items() if len(path) == 1}
    return {
        axis: {**added_since(axis, node), **node} if isinstance(node, Mapping) else node
        for axis, node in {**axes, **config}.items()
    }


def hashed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that its id hashes: all but what says no more than its absence would."""
    found = {}
    for axis, node in config.items():
        if (axis,) in AS_BEFORE and AS_BEFORE[axis,] == node:
            continue
        added = added_since(axis, node)
        found[axis] = {k: v for k, v in node.items() if k not in added or added[k] != v} if added else node
    return found


def unite(config: Mapping[str, Any], local: Mapping[str, Any], axis: str) -> dict[str, Any]:
    """Return an axis' node with both its parts."""
    return {**config[axis], **local.get(axis, {})}


def cell_id(config: Mapping[str, Any]) -> str:
    """Return the sha256 of the format number and (axis, option, values) in canonical JSON; 16 hex digits."""
    text = json.dumps({"format": FORMAT, "config": hashed(config)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


EVALUATION_FORMAT = 1
"""Raised when an equal evaluation no longer gives equal numbers: all are then measured again."""


def evaluation_id(node: Mapping[str, Any]) -> str:
    """Return the id of an evaluation: of its option, its values, the weights, and its data, if any, by content."""
    return cell_id({"evaluate": node, "format": EVALUATION_FORMAT})


def treatment_id(config: Mapping[str, Any]) -> str:
    """Return the id of a config without its seed: equal for the cells of a row."""
    return cell_id({k: v for k, v in config.items() if k != "seed"})


TRAINS_NOTHING = (
    *("cli", "planning", "cost", "cluster", "reports", "statistics", "plotting", "measure"),
    *("commands.py", "pages.py", "dashboards", "audits"),
)
"""Of the package, what no cell's process runs while it trains and measures. Diagnostics that a training records
(`diagnosis=…`) look on: they change nothing that is trained."""


LONG = r"""[rR]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3})"""
SHORT = r"""(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
TOKEN = re.compile(rf"^[ \t]*{LONG}[ \t]*$|(?P<string>{LONG}|{SHORT})|#[^\n]*", re.MULTILINE | re.DOTALL)
"""Of a Python text: triple-quoted strings that are statements, other strings, and comments."""


def code_of(text: str) -> str:
    """Return a Python text without docstrings, comments and blank lines."""
    kept = TOKEN.sub(lambda found: found["string"] or "", text)
    return "\n".join(line for each in kept.split("\n") if (line := each.rstrip()))


def source_fingerprint() -> str:
    """Return the sha256 of the code that trains, without docstrings and comments: which dropgrid made a result; 12 hex
    digits."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if place.parts[0] not in TRAINS_NOTHING:
            code = code_of(path.read_text(encoding="utf-8"))
            digest.update(place.as_posix().encode() + b"\0" + code.encode() + b"\0")
    return digest.hexdigest()[:12]
