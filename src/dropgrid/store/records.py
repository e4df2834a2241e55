"""A cell's folder and how its files are written: whole, or not at all."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dropgrid.errors import UserError
from dropgrid.files import write_atomically, write_once

REMOVE = "remove it, and the command that made it makes it anew"

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times faster, where PyYAML was built with it

NODES = 100_000
"""That a YAML file may come to once its aliases are written out; ours have hundreds."""

DEPTH = 100
"""Of a YAML file's lists and mappings; ours have five."""


def run_folder(outputs: Path | str, cell: str) -> Path:
    """`outputs/runs/<id>`; UserError for what is no id, and could be a folder elsewhere."""
    if not re.fullmatch(r"[\w-]{1,64}", cell, re.ASCII):
        raise UserError(f"{cell!r} is no cell's id")
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
    except (ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: not JSON ({error}); {REMOVE}") from error


def read_yaml(path: Path) -> Any:
    """The value of a YAML file, or None where there is none; UserError where it is damaged."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: not YAML ({' '.join(str(error).split())}); {REMOVE}") from error


def parse_yaml(text: str) -> Any:
    """The value of a YAML text; ValueError where it is nested deeper, or by its aliases larger, than any config is."""
    depth = 0
    for event in yaml.parse(text, Loader):  # first: loading what is nested too deep ends the process
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise ValueError("it is nested too deep")
    value = yaml.load(text, Loader)
    if written_out(value, {}) > NODES:
        raise ValueError("its aliases make it too large")
    return value


def written_out(value: Any, known: dict[int, float]) -> float:
    """How many nodes a value has if those that it shares count each time; infinitely many in a circle."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = float("inf")
        inside = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(written_out(each, known) for each in inside)
    return known[id(value)]


def read_parts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A cell's config and what is about its place, as written when it was begun."""
    parts = [read_yaml(folder / f"{part}.yaml") for part in ("config", "local")]
    for part, found in zip(("config", "local"), parts, strict=True):
        if not isinstance(found, dict):
            raise UserError(f"cannot read {folder / part}.yaml: {'nothing is there' if found is None else 'no config'}")
    return parts[0], parts[1]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a cells.json, none where there is no such file; UserError where one is not as they are written."""
    found = read_json(path)
    for line in found if isinstance(found, list) else [found] if found is not None else []:
        if not is_line(line):
            raise UserError(f"cannot read {path}: {str(line)[:80]!r} is no line of it; {REMOVE}")
    return found or []


def is_line(line: Any) -> bool:
    """Whether a value is a line of cells.json: its parts are names of files, and are believed to be no paths."""
    if not isinstance(line, Mapping):
        return False
    row, seed, cell, factors = (line.get(key) for key in ("row", "seed", "cell", "factors"))
    overrides = line.get("overrides") or []
    return (
        isinstance(row, str)
        and isinstance(seed, int)
        and isinstance(cell, str)
        and re.fullmatch(r"[\w-]{1,64}", cell, re.ASCII) is not None
        and isinstance(factors, dict)
        and isinstance(overrides, list)
        and all(isinstance(each, str) for each in overrides)
    )


def aside(folder: Path) -> Path:
    """Put a cell's folder into `outputs/replaced`, whole; where it is now."""
    place = folder.parents[1] / "replaced"
    place.mkdir(exist_ok=True)
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(now)) + f".{now % 1:.6f}"[2:]
    return folder.rename(place / f"{folder.name}-{stamp}")
