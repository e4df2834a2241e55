"""A cell's folder and how its files are written: whole, or not at all."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml


def run_folder(outputs: Path | str, cell: str) -> Path:
    """`outputs/runs/<id>`."""
    return Path(outputs) / "runs" / cell


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: a reader sees the old file, or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(descriptor)
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o644)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """JSON, atomically."""
    write_atomically(path, lambda beside: beside.write_text(json.dumps(value, indent=1) + "\n"))


def write_yaml(path: Path, value: Any) -> None:
    """YAML, atomically, keys in the order given."""
    write_atomically(path, lambda beside: beside.write_text(yaml.safe_dump(value, sort_keys=False)))


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None where there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
