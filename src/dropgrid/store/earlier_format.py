"""Finished cells of FORMAT 2 as cells of this FORMAT: the same training under the id that it has now.

FORMAT 2 hashed import paths (`_target_`); now an id is made of axis, option and values. A config maps one to one if
each constructor that it names is still defined in its axis. Nothing is trained, and weights and numbers stay as they
are: config, id and the mentions of the id are rewritten in a copy.
"""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.files import make_folder
from dropgrid.instantiate import OWN_KEYS, ROOMS, axis_of, constructors
from dropgrid.store.files import read_json, read_yaml, write_json, write_yaml
from dropgrid.store.identity import FORMAT, cell_id, evaluation_id, treatment_id
from dropgrid.store.inventory import subfolders
from dropgrid.store.layout import LEFT_BEHIND, Outputs, RunFolder
from dropgrid.store.records import is_finished, read_lines, read_result

EARLIER = 2

ADDED = {"task": {"option": "Classification"}}
"""Axes that configs of FORMAT 2 do not have, as all their cells were trained."""


def advice(count: int, outputs: Path) -> str:
    """Return the line that names finished cells of FORMAT 2, and the command that takes them over."""
    command = f"python scripts/merge.py {shlex.quote(str(outputs))} --yes paths.outputs={shlex.quote(str(outputs))}"
    return f"{count} finished cells are of FORMAT {EARLIER}; without training, {command} takes them over"


def earlier_cells(outputs: Outputs) -> list[str]:
    """Return the ids of the finished cells of FORMAT 2 in an outputs folder, sorted."""
    found = [folder.name for folder in subfolders(outputs.runs) if is_earlier(RunFolder(folder))]
    return sorted(found)


def is_earlier(run: RunFolder) -> bool:
    """Predicate: a cell is finished, and of FORMAT 2."""
    return (read_result(run) or {}).get("format") == EARLIER


def todays_node(axis: str, node: Any) -> Any:
    """Return a node of a FORMAT 2 config as a config has it now; ValueError names a constructor that is gone."""
    if not isinstance(node, Mapping):
        return node
    mounts = {key: key if key in ROOMS else f"{axis}.{key}" for key in node if key not in OWN_KEYS}
    values = {key: todays_node(mount, node[key]) for key, mount in mounts.items()}
    path = node.get("_target_")
    if path is None:
        return values
    name = str(path).rpartition(".")[2]
    ours = str(path).startswith("dropgrid.")
    if ours and name not in constructors(axis_of(axis)):
        raise ValueError(f"{axis}: {path} is not defined any more")
    return {"option": name if ours else path, **values}


def todays_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a FORMAT 2 config as one of this FORMAT; ValueError if it does not map one to one."""
    return {**{axis: todays_node(axis, node) for axis, node in config.items()}, **ADDED}


def take_over(origin: Outputs, place: Outputs) -> tuple[dict[str, str], list[str]]:
    """Fill an empty outputs folder with an outputs folder's finished cells and ablations, as of this FORMAT.

    Files that stay as they are become hard links if both folders are on one file system, else copies.

    Returns:
        Old id -> new id of the cells that were taken over, and why others were not.
    """
    renamed, problems = {}, []
    for folder in subfolders(origin.runs):
        old = RunFolder(folder)
        if not is_finished(old):
            continue
        if not is_earlier(old):
            copy_run(old, place.run(folder.name))
            continue
        try:
            config = todays_config(read_yaml(old.config) or {})
        except ValueError as error:
            problems.append(f"cell {folder.name} of FORMAT {EARLIER} is not taken over: {error}")
            continue
        new = place.run(cell_id(config))
        copy_run(old, new, but=("config.yaml", "local.yaml", "result.json", "evaluations"))
        rewrite_run(old, new, config)
        renamed[folder.name] = new.folder.name
    for name in origin.ablation_names:
        theirs, ours = origin.ablation(name), place.ablation(name)
        shutil.copytree(theirs.folder, ours.folder, symlinks=True, ignore=lambda *_: ["cells"], dirs_exist_ok=True)
        write_json(ours.cells, [renamed_line(line, renamed, place) for line in read_lines(theirs)])
    return renamed, problems


def copy_run(old: RunFolder, new: RunFolder, but: tuple[str, ...] = ()) -> None:
    """Copy a finished cell's folder, by hard links if that is possible; a link stays one, for the import to refuse."""
    ignore = shutil.ignore_patterns(*LEFT_BEHIND, *but)
    given: dict[str, Any] = {"symlinks": True, "copy_function": link_or_copy, "dirs_exist_ok": True}
    shutil.copytree(old.folder, new.folder, ignore=ignore, **given)


def link_or_copy(source: str, target: str) -> None:
    """Make a hard link, or a copy if the file system has none."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def rewrite_run(old: RunFolder, new: RunFolder, config: Mapping[str, Any]) -> None:
    """Write the files that hold a cell's config, its id or its FORMAT, and its evaluations under their new ids."""
    write_yaml(new.config, config)
    write_yaml(new.local, {axis: todays_node(axis, node) for axis, node in (read_yaml(old.local) or {}).items()})
    for path in old.evaluation_results():
        found = read_json(path)
        node = todays_node("evaluate", {k: v for k, v in found["config"].items() if k != "evaluate"})
        if "data" in node:
            continue  # its id holds the content of data that may be elsewhere: it is measured again when asked for
        there = new.evaluation(evaluation_id({**node, "weights": found["weights"]}))
        make_folder(there.result.parent)
        if path.with_suffix(".npz").exists():
            link_or_copy(str(path.with_suffix(".npz")), str(there.arrays))
        write_json(there.result, {**found, "config": {"evaluate": found["config"]["evaluate"], **node}})
    result = read_result(old) or {}
    provenance = {**(result.get("provenance") or {}), f"format_{EARLIER}": old.folder.name}
    changes = {"format": FORMAT, "cell": new.folder.name, "provenance": provenance}
    write_json(new.result, {**result, **changes})


def renamed_line(line: Mapping[str, Any], renamed: Mapping[str, str], place: Outputs) -> dict[str, Any]:
    """Return a line of cells.json with its cell's new id, if it has one."""
    new = renamed.get(line["cell"])
    if new is None:
        return dict(line)
    return {**line, "cell": new, "treatment": treatment_id(read_yaml(place.run(new).config))}
