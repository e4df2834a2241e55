"""The files of a cell and the lines of cells.json, each read by its schema."""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.errors import Damaged, UserError
from dropgrid.files import file_hash, make_folder, move, stats_of
from dropgrid.store import schemas
from dropgrid.store.files import REMOVE, read_json, read_text, read_yaml
from dropgrid.store.identity import FORMAT, cell_id, complete
from dropgrid.store.layout import CELL_ID, AblationFolder, RunFolder, WorkerFolder

Result = Mapping[str, Any]

SOUND: dict[Path, list[tuple[int, int, int, int]]] = {}
"""result.json -> the stamps with which it was found sound: a sweep asks for its cells many times."""

SETTLED = 2 * 10**9
"""Nanoseconds after which a change of a file changes its times: on some systems they are whole seconds."""


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
    if (read_result(run) or {}).get("format") == FORMAT and cell_id(config) != folder.name:
        raise UserError(f"cannot read {run.config}: it is the config of cell {cell_id(config)}; train the cell again")
    return complete(config), local


def read_result(run: RunFolder) -> Result | None:
    """Return a cell's result; None before it is finished, and if its file is damaged (`damage` says how)."""
    try:
        return checked_result(run)
    except Damaged:
        return None


def checked_result(run: RunFolder) -> Result | None:
    """Return a cell's result, or None if there is no such file; Damaged if it breaks the schema or is of another cell,
    or if a file beside it is: folders get renamed, and files copied between them.
    """
    stamps = stamps_of(run)
    if stamps and SOUND.get(run.result) == stamps:
        return read_json(run.result)  # type: ignore[no-any-return]
    found: Result | None = schemas.read_checked(run.result, schemas.RESULT)
    if found and found.get("seal", seal(found)) != seal(found):
        raise Damaged(f"cannot read {run.result}: it was edited; {REMOVE}")
    cell = (found or {}).get("cell") or run.folder.name
    if cell != run.folder.name:
        raise Damaged(f"cannot read {run.result}: it is the result of cell {cell}; {REMOVE}")
    hashes = (found or {}).get("files") or {}
    for path in run.hashed:
        if path.name in hashes and file_hash(path) != hashes[path.name]:
            raise Damaged(f"cannot read {path}: it is not the file that {run.result.name} was written with; {REMOVE}")
    if max((when for _, *times, _ in stamps for when in times), default=0) < time.time_ns() - SETTLED:
        SOUND[run.result] = stamps
    return found


def seal(result: Result) -> str:
    """Return the hash of a result but for where and how fast it came about, which a result holds of itself."""
    rest = {key: value for key, value in result.items() if key not in ("seal", "timing", "provenance")}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def stamps_of(run: RunFolder) -> list[tuple[int, int, int, int]]:
    """Return the stats of a result and of the files it holds hashes of; empty if there is none.

    While they stay, so does what is in the files.
    """
    found = []
    for path in (run.result, *run.hashed):
        try:
            about = os.stat(path)
        except OSError:
            if path == run.result:
                return []
            continue
        found.append(stats_of(about))
    return found


def damage(run: RunFolder) -> dict[str, str] | None:
    """Return the failure of a cell whose result is damaged, which the same command trains again; None for others."""
    try:
        checked_result(run)
    except Damaged as error:
        message = " ".join(str(error).removesuffix(f"; {REMOVE}").split())
        return {"class": "DamagedResult", "message": f"{message}; not finished: the same command trains it again"}
    return None


def is_finished(run: RunFolder) -> bool:
    """Predicate: a cell has its result, and the result is not damaged."""
    stamps = stamps_of(run)
    return bool(stamps) and (SOUND.get(run.result) == stamps or read_result(run) is not None)


def read_failure(worker: WorkerFolder) -> dict[str, Any] | None:
    """Return why a process failed when it was last tried, or why a cell's result counts for nothing; else None."""
    if isinstance(worker, RunFolder) and (damaged := damage(worker)):
        return {**damaged, "log": worker.log.name}
    found: dict[str, Any] | None = schemas.read_checked(worker.failure, schemas.FAILURE)
    return found


def read_state(run: RunFolder) -> Mapping[str, Any]:
    """Return how far a cell's training is; empty while there is nothing to tell, and of a file that is damaged."""
    try:
        found: Mapping[str, Any] | None = schemas.read_checked(run.state, schemas.STATE)
    except Damaged:  # half a second from now there is another
        return {}
    return found or {}


def read_provenance(run: RunFolder) -> Mapping[str, Any]:
    """Return by what a finished cell was trained: code, versions, machine; empty until it is finished."""
    found = read_result(run) or {}
    return found.get("provenance") or {}


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
    make_folder(place)
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(now)) + f".{now % 1:.6f}"[2:]
    return move(folder, place / f"{folder.name}-{stamp}")
