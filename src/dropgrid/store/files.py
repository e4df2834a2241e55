"""The one reader and writer of JSON, YAML and CSV files: a file that cannot be read is a UserError that names it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from dropgrid.errors import Damaged, UserError
from dropgrid.files import open_to_read, write_atomically, write_once

REMOVE = "remove it, and the command that made it makes it anew"

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times faster, if PyYAML was built with it

NODES = 100_000
"""The most nodes of a YAML file once its aliases are written out; ours have hundreds."""

DEPTH = 100
"""The most levels of lists and mappings in a YAML file; ours have five."""


def read_text(path: Path) -> str | None:
    """Return a file's text, or None if there is no such file."""
    try:
        with io.TextIOWrapper(open_to_read(path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise Damaged(f"cannot read {path}: {error}; {REMOVE}") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error}") from error


def read_json(path: Path) -> Any:
    """Return a JSON file's value, or None if there is no such file."""
    return read_parsed(path, "JSON", parse_json)


def read_yaml(path: Path) -> Any:
    """Return a YAML file's value, or None if there is no such file."""
    return read_parsed(path, "YAML", parse_yaml)


def read_parsed(path: Path, kind: str, parse: Callable[[str], Any]) -> Any:
    """Return the value of a file's text, or None if there is no such file."""
    text = read_text(path)
    try:
        return None if text is None else parse(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Damaged(f"cannot read {path}: not {kind} ({' '.join(str(error).split())}); {REMOVE}") from error


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; ValueError for null, which no file of ours is."""
    value = json.loads(text)
    if value is None:
        raise ValueError("it is null")
    return value


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


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write JSON, atomically; OSError passes, so that a full disk is classified as one."""
    write_atomically(path, lambda file: file.write(json_bytes(value)), durable=durable)


def write_json_once(path: Path, value: Any) -> None:
    """Write JSON that vouches for the files beside it, unless the file is there already."""
    write_once(path, lambda file: file.write(json_bytes(value)))


def json_bytes(value: Any) -> bytes:
    """Return a value as our JSON files have it."""
    return (json.dumps(value, indent=1) + "\n").encode()


def write_yaml(path: Path, value: Any) -> None:
    """Write YAML, atomically, keys in the order given."""
    write_atomically(path, lambda file: file.write(yaml.safe_dump(value, sort_keys=False).encode()))


def write(path: Path, content: str | bytes) -> None:
    """Write a text or bytes, atomically, unless the file has them; UserError names one that cannot be written."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return
        write_atomically(path, lambda file: file.write(data), durable=False)  # a report: made again in seconds
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
