"""The files of a cell and the lines of cells.json, each read by its schema."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.store import schemas
from dropgrid.store.files import REMOVE, read_json, read_text, read_yaml
from dropgrid.store.identity import complete
from dropgrid.store.layout import CELL_ID, AblationFolder, RunFolder, WorkerFolder

Result = Mapping[str, Any]


class ConfigReader:
    """Reads the config.yaml of many cells. Those of a row differ in the line of the seed alone, and are parsed once."""

    SEED = re.compile(r"^seed: (\d+)$", re.MULTILINE)

    def __init__(self) -> None:
        self.parsed: dict[str, Mapping[str, Any]] = {}

    def read_config(self, path: Path) -> Mapping[str, Any]:
        """Return one of them; empty if there is no such file."""
        text = read_text(path)
        if text is None:
            return {}
        seed = self.SEED.search(text)
        if seed is None:
            return read_config(path)
        rest = text[: seed.start()] + text[seed.end() :]
        if rest not in self.parsed:
            self.parsed[rest] = read_config(path)
        return {**self.parsed[rest], "seed": int(seed[1])}


def read_config(path: Path) -> Mapping[str, Any]:
    """Return a cell's config.yaml or local.yaml; empty if the cell was not begun."""
    config: Mapping[str, Any] = read_yaml(path)
    if config is None and not path.exists():
        return {}
    schemas.check(path, config, schemas.CONFIG)
    return complete(config)


def read_parts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a cell's config and what is about its place, as written when it was begun; UserError if either lacks."""
    run = RunFolder(folder)
    config, local = (read_yaml(path) for path in (run.config, run.local))
    for path, found in ((run.config, config), (run.local, local)):
        if not isinstance(found, dict):
            raise UserError(f"cannot read {path}: {'nothing is there' if found is None else 'no config'}")
    return complete(config), local


def read_result(run: RunFolder) -> Result | None:
    """Return a cell's result, or None before it is finished."""
    found: Result | None = schemas.read_checked(run.result, schemas.RESULT)
    return found


def read_failure(worker: WorkerFolder) -> dict[str, Any] | None:
    """Return why a process failed when it was last tried, or None."""
    found: dict[str, Any] | None = schemas.read_checked(worker.failure, schemas.FAILURE)
    return found


def read_state(run: RunFolder) -> Mapping[str, Any]:
    """Return how far a cell's training is; empty while there is nothing to tell."""
    found: Mapping[str, Any] | None = schemas.read_checked(run.state, schemas.STATE)
    return found or {}


def read_source(run: RunFolder) -> str | None:
    """Return the fingerprint of the source that trained a finished cell."""
    found = read_result(run) or {}
    return (found.get("provenance") or {}).get("source")


def read_lines(folder: AblationFolder) -> list[dict[str, Any]]:
    """Return the lines of cells.json, none if there is no such file; UserError names one that breaks the schema."""
    found = read_json(folder.cells)
    for line in found if isinstance(found, list) else [found] if found is not None else []:
        if not isinstance(found, list) or not is_line(line):
            raise UserError(f"cannot read {folder.cells}: {str(line)[:80]!r} is no line of it; {REMOVE}")
    return found or []


def is_line(line: Any) -> bool:
    """Predicate: a value is a line of cells.json; `cell` becomes part of a path, and must not lead elsewhere."""
    return not schemas.misfit(line, schemas.LINE) and CELL_ID.fullmatch(line["cell"]) is not None


def put_aside(folder: Path) -> Path:
    """Move a cell's folder to the replaced ones; return where it is now."""
    place = RunFolder(folder).outputs.replaced
    place.mkdir(exist_ok=True)
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(now)) + f".{now % 1:.6f}"[2:]
    return folder.rename(place / f"{folder.name}-{stamp}")
