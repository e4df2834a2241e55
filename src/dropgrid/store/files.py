"""The one reader and writer of JSON, YAML and CSV files: a file that cannot be read is a UserError that names it."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from dropgrid.errors import UserError
from dropgrid.files import write_atomically, write_once

REMOVE = "remove it, and the command that made it makes it anew"

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times faster, if PyYAML was built with it

NODES = 100_000
"""The most nodes of a YAML file once its aliases are written out; ours have hundreds."""

DEPTH = 100
"""The most levels of lists and mappings in a YAML file; ours have five."""


def read_text(path: Path) -> str | None:
    """Return a file's text, or None if there is no such file."""
    try:
        with open(path, encoding="utf-8", opener=open_without_waiting) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def open_without_waiting(path: str, flags: int) -> int:
    """Open a file for `open`; a pipe, that someone put in place of a file, is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def read_json(path: Path) -> Any:
    """Return a JSON file's value, or None if there is no such file."""
    return read_parsed(path, "JSON", json.loads)


def read_yaml(path: Path) -> Any:
    """Return a YAML file's value, or None if there is no such file."""
    return read_parsed(path, "YAML", parse_yaml)


def read_parsed(path: Path, kind: str, parse: Callable[[str], Any]) -> Any:
    """Return the value of a file's text, or None if there is no such file."""
    text = read_text(path)
    try:
        return None if text is None else parse(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: not {kind} ({' '.join(str(error).split())}); {REMOVE}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file under its headings; empty if there is no such file."""
    try:
        return [*csv.DictReader(io.StringIO(read_text(path) or ""))]
    except csv.Error as error:
        raise UserError(f"cannot read {path}: {error}; {REMOVE}") from error


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        ValueError: it is nested deeper, or by its aliases larger, than any config is.
    """
    depth = 0
    for event in yaml.parse(text, Loader):  # first: loading what is nested too deep ends the process
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise ValueError("it is nested too deep")
    value = yaml.load(text, Loader)
    if count_nodes(value, {}) > NODES:
        raise ValueError("its aliases make it too large")
    return value


def count_nodes(value: Any, known: dict[int, float]) -> float:
    """Return how many nodes a value has if those that it shares count each time; infinitely many in a circle."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = float("inf")
        inside = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(count_nodes(each, known) for each in inside)
    return known[id(value)]


def write_json(path: Path, value: Any) -> None:
    """Write JSON, atomically; OSError passes, so that a full disk is classified as one."""
    write_atomically(path, lambda beside: beside.write_text(json.dumps(value, indent=1) + "\n"))


def write_json_once(path: Path, value: Any) -> None:
    """Write JSON, durably, unless the file is there already."""
    write_once(path, lambda beside: beside.write_text(json.dumps(value, indent=1) + "\n"))


def write_yaml(path: Path, value: Any) -> None:
    """Write YAML, atomically, keys in the order given."""
    write_atomically(path, lambda beside: beside.write_text(yaml.safe_dump(value, sort_keys=False)))


def write(path: Path, content: str | bytes) -> None:
    """Write a text or bytes, atomically; UserError names a file that cannot be written."""
    data = content.encode() if isinstance(content, str) else content
    try:
        write_atomically(path, lambda beside: beside.write_bytes(data))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
