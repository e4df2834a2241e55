"""How a report reads and writes files: whatever cannot be read or written is the user's to know, by name."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from dropgrid.errors import UserError
from dropgrid.files import write_atomically
from dropgrid.store.records import REMOVE, parse_yaml


def read_text(path: Path) -> str | None:
    """A file's text, or None where there is none."""
    try:
        with open(path, encoding="utf-8", opener=at_once) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def at_once(path: str, flags: int) -> int:
    """Opens a file for `open`; a pipe, that someone put where a file should be, is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def read_json(path: Path) -> Any:
    """A JSON file's value, or None where there is none."""
    text = read_text(path)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: not JSON ({error}); {REMOVE}") from error


def read_yaml(path: Path) -> Any:
    """A YAML file's value, or None where there is none."""
    text = read_text(path)
    try:
        return None if text is None else parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: not YAML ({' '.join(str(error).split())}); {REMOVE}") from error


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole, or not at all; UserError names one that cannot be written."""
    data = content.encode() if isinstance(content, str) else content
    try:
        write_atomically(path, lambda beside: beside.write_bytes(data))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
