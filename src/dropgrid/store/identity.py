"""A cell is its resolved config: what is hashed, what is only about place, and the hash."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 2
"""Raised when equal configs no longer mean equal training: all cells then get new ids."""

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


def divide(resolved: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A resolved config's two parts: what a cell is, and where it runs."""
    config: dict[str, Any] = {}
    local: dict[str, Any] = {}
    for axis, node in resolved.items():
        if axis in ABOUT_PLACE:
            local[axis] = node
        elif axis in ABOUT_PLACE_IN:
            place = ABOUT_PLACE_IN[axis]
            config[axis] = {k: v for k, v in node.items() if k not in place}
            local[axis] = {k: v for k, v in node.items() if k in place}
        else:
            config[axis] = node
    return config, local


def unite(config: Mapping[str, Any], local: Mapping[str, Any], axis: str) -> dict[str, Any]:
    """An axis' node again, both parts together."""
    return {**config[axis], **local.get(axis, {})}


def cell_id(config: Mapping[str, Any]) -> str:
    """sha256 of the config's canonical JSON and the format number; 16 hex digits."""
    text = json.dumps({"format": FORMAT, "config": config}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def treatment_id(config: Mapping[str, Any]) -> str:
    """The id of a config whatever its seed: equal for the cells of a row."""
    return cell_id({k: v for k, v in config.items() if k != "seed"})


TRAINS_NOTHING = (
    *("cli", "planning", "cost", "cluster", "reports", "statistics", "plotting", "measure"),
    *("commands.py", "pages.py", "dashboards", "audits"),
)
"""Of the package, what no cell's process runs while it trains and measures. Diagnostics that a training records
(`diagnosis=…`) look on: they change nothing that is trained."""


def source_fingerprint() -> str:
    """sha256 of the package's Python files that train: which dropgrid made a result; 12 hex digits."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if place.parts[0] not in TRAINS_NOTHING:
            digest.update(place.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
