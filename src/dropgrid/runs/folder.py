"""A cell's folder and how its files are written: whole, or not at all."""

import json
from pathlib import Path
from typing import Any

import yaml

from dropgrid.errors import UserError
from dropgrid.files import write_atomically, write_once

REMOVE = "remove it, and the command that made it makes it anew"


def run_folder(outputs: Path | str, cell: str) -> Path:
    """`outputs/runs/<id>`."""
    return Path(outputs) / "runs" / cell


def write_json(path: Path, value: Any) -> None:
    """JSON, atomically."""
    write_atomically(path, lambda beside: beside.write_text(json.dumps(value, indent=1) + "\n"))


def write_json_once(path: Path, value: Any) -> None:
    """JSON, durably, where there is none yet."""
    write_once(path, lambda beside: beside.write_text(json.dumps(value, indent=1) + "\n"))


def write_yaml(path: Path, value: Any) -> None:
    """YAML, atomically, keys in the order given."""
    write_atomically(path, lambda beside: beside.write_text(yaml.safe_dump(value, sort_keys=False)))


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None where there is none; UserError where it is damaged."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"cannot read {path}: not JSON ({error}); {REMOVE}") from error
