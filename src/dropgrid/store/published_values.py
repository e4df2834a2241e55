"""What a published table is computed from, in two small files beside it.

`cells.json.gz`: what the ablation asks, and of each cell its line of cells.json, its config (those of a row once), its
result, its evaluations and the epochs that reports compare. `correct.npz`: which test images each cell classified
rightly; for each set of images, by the digest of its labels, an array (E, ⌈cells / 8⌉) of packed bits, a column of bits
for each cell in the order of cells.json.gz; of another task than classification what each image adds, float32
(E, cells). `unpack` makes an outputs folder of them, which the one reader of cells
reads.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dropgrid.errors import UserError
from dropgrid.files import make_folder
from dropgrid.names import is_file_name
from dropgrid.store import schemas
from dropgrid.store.arrays import read_arrays, write_arrays
from dropgrid.store.files import read_csv, read_json, read_text, read_yaml, write, write_json, write_yaml
from dropgrid.store.identity import ABOUT_PLACE_IN
from dropgrid.store.layout import AblationFolder, Outputs, RunFolder
from dropgrid.store.records import read_lines, read_result

FORMAT = 1
AGAIN = "train the ablation and publish it again"

PLACES = ("paths", "logger", "sweep", *(f"{axis}.{key}" for axis, keys in ABOUT_PLACE_IN.items() for key in keys))
"""Overrides of these keys are about one machine's folders and devices: they are not published."""


KEPT = {
    "timing": ("train_seconds", "total_seconds"),
    "provenance": ("device", "capability", "source", "modules", "versions", "finished"),
}
"""Parts of a result -> the keys of them that are published: no host among them."""


class ImageValues(NamedTuple):
    """What each test image (E,) adds to a cell's headline, in classification whether it is right, and the digest of
    their labels."""

    values: np.ndarray
    images: str


@dataclass(frozen=True)
class PublishedFolder:
    """`results/<name>`."""

    folder: Path

    @property
    def values(self) -> Path:
        """What each cell has."""
        return self.folder / "cells.json.gz"

    @property
    def correct(self) -> Path:
        """What each cell's test images add to its headline."""
        return self.folder / "correct.npz"

    @property
    def machine(self) -> Path:
        """What the cells ran on, and when."""
        return self.folder / "machine.json"

    def table(self, kind: str) -> Path:
        """Return the table as `md` or `json`."""
        return AblationFolder(self.folder).table(kind)


def pack(
    place: AblationFolder,
    target: PublishedFolder,
    *,
    columns: Collection[str],
    correct: Mapping[str, ImageValues],
    weights: str,
    answers: Mapping[str, Any],
) -> None:
    """Write both files of a finished ablation.

    Args:
        columns: of metrics.csv, those to keep.
        correct: id of a cell -> its test images with the `weights` of the headline; cells without predictions lack.
        answers: question -> its answer as in table.json, of those that need larger files than are published.
    """
    lines = read_lines(place)
    configs: list[Mapping[str, Any]] = []
    cells = []
    for line in lines:
        run = place.outputs.run(line["cell"])
        config = {key: each for key, each in (read_yaml(run.config) or {}).items() if key != "seed"}
        if config not in configs:
            configs.append(config)
        kept = [each for each in line.get("overrides") or [] if not is_about_place(each)]
        line = {**{key: line.get(key) for key in ("row", "factors", "seed", "cell")}, "overrides": kept}
        cells.append({"line": line, "config": configs.index(config), **numbers(run, columns)})
    imported = {path.name: read_text(path) for path in sorted(place.imported.glob("*.csv"))}
    about = {key: each for key, each in (read_json(place.about) or {}).items() if key != "command"}
    value = {
        "format": FORMAT,
        "name": place.folder.name,
        "about": about,
        "claims": read_json(place.claims),
        "evaluations": read_json(place.evaluations),
        "imported": imported,
        "answers": answers,
        "weights": weights,
        "images": [correct[line["cell"]].images if line["cell"] in correct else None for line in lines],
        "configs": configs,
        "cells": cells,
    }
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    write(target.values, gzip.compress(text.encode(), mtime=0))
    target.correct.unlink(missing_ok=True)
    if correct:
        write_arrays(target.correct, packed([correct.get(line["cell"]) for line in lines]))


def is_about_place(override: str) -> bool:
    """Predicate: an override sets where a cell runs, which its id leaves out."""
    key = override.partition("=")[0].lstrip("+~")
    return any(f"{key}.".startswith(f"{each}.") for each in PLACES)


def numbers(run: RunFolder, columns: Collection[str]) -> dict[str, Any]:
    """Return what reports need of a finished cell's files besides its config, without hosts and arrays."""
    result: Any = read_result(run) or {}
    parts = {part: {k: v for k, v in (result.get(part) or {}).items() if k in keys} for part, keys in KEPT.items()}
    result = {key: each for key, each in result.items() if key not in ("reproduce", "files", "seal")} | parts
    evaluations = {}
    for path in run.evaluation_results():
        found = read_json(path)
        evaluations[path.stem] = {key: found[key] for key in found if key not in NOT_OF_VALUES}
    return {"result": result, "evaluations": evaluations, "epochs": epochs_as_csv(run, columns)}


NOT_OF_VALUES = ("arrays", "files", "provenance", "seconds")
"""Parts of an evaluation's result that are about its files, and about where it was measured."""


def epochs_as_csv(run: RunFolder, columns: Collection[str]) -> str:
    """Return some columns of a cell's metrics.csv, as a CSV text."""
    lines = read_csv(run.metrics)
    text = io.StringIO()
    names = [name for name in (lines[0] if lines else {}) if name in columns]
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def packed(cells: list[ImageValues | None]) -> dict[str, np.ndarray]:
    """Return digest of the labels -> (E, ⌈cells / 8⌉) bits, or (E, cells) numbers, cell by cell.

    Cells find the same images hard: an image's bits lie together, and so compress.
    """
    found: dict[str, list[np.ndarray]] = {}
    for each in cells:
        if each is not None:
            found.setdefault(each.images, []).append(each.values)
    stacked = {images: np.stack(columns, 1) for images, columns in found.items()}
    return {
        images: np.packbits(each, axis=1) if each.dtype == bool else each.astype(np.float32)
        for images, each in stacked.items()
    }


def column_of(kept: np.ndarray, index: int) -> np.ndarray:
    """Return a cell's column of what `packed` returns."""
    if kept.dtype != np.uint8:
        found: np.ndarray = kept[:, index]
        return found
    return np.unpackbits(kept[:, index // 8, None], axis=1)[:, index % 8].astype(bool)


def values_of(weights: str) -> str:
    """Return the name of the array of a predictions.npz that says what each image adds with those weights."""
    return f"image_values/{weights}"


def unpack(folder: Path, outputs: Path) -> tuple[str, dict[str, Any]]:
    """Write an outputs folder with a published table's cells; return the ablation's name, and the answers kept.

    Raises:
        UserError: no published table, one without its values, or a damaged file.
    """
    published = PublishedFolder(folder)
    value = read_values(published)
    try:
        return write_outputs(value, published, Outputs(outputs)), value["answers"]
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(f"cannot read {folder}: its files do not fit together ({error!r}); {AGAIN}") from error


def write_outputs(value: Mapping[str, Any], published: PublishedFolder, place: Outputs) -> str:
    """Write what cells.json.gz and correct.npz hold as an outputs folder; return the ablation's name."""
    name: str = value["name"]
    for each in (name, *value["imported"], *(id for cell in value["cells"] for id in cell["evaluations"])):
        if not is_file_name(each):
            raise ValueError(f"{each!r} is no name of a file")
    ablation = place.ablation(name)
    make_folder(ablation.imported)
    bits = read_arrays(published.correct, AGAIN) if any(value["images"]) else {}
    taken = dict.fromkeys(bits, 0)
    for cell, images in zip(value["cells"], value["images"], strict=True):
        run = place.run(cell["line"]["cell"])
        make_folder(run.evaluations)
        write_yaml(run.config, {"seed": cell["line"]["seed"], **value["configs"][cell["config"]]})
        command = f"python scripts/train.py {' '.join(cell['line']['overrides'])}"
        write_json(run.result, {**cell["result"], "reproduce": command})
        write(run.metrics, cell["epochs"])
        for id, found in cell["evaluations"].items():
            write_json(run.evaluation(id).result, found)
        if images is not None:
            column = column_of(bits[images], taken[images])
            taken[images] += 1
            write_arrays(run.predictions, {values_of(value["weights"]): column, "images": np.array(images)})
    write_json(ablation.about, value["about"])
    write_json(ablation.cells, [cell["line"] for cell in value["cells"]])
    for path, each in ((ablation.claims, value["claims"]), (ablation.evaluations, value["evaluations"])):
        if each is not None:
            write_json(path, each)
    for file, text in value["imported"].items():
        write(ablation.imported / file, text)
    return name


def read_values(published: PublishedFolder) -> dict[str, Any]:
    """Return what cells.json.gz holds; UserError if there is none, or it is damaged."""
    if not published.table("json").exists():
        raise UserError(f"no published table in {published.folder}; give a folder of results/")
    if not published.values.exists():
        raise UserError(f"{published.folder} was published without its per-seed values; {AGAIN}")
    try:
        value: dict[str, Any] = json.loads(gzip.decompress(published.values.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {published.values}: {error}; {AGAIN}") from error
    wrong = schemas.misfit(value, schemas.PUBLISHED)
    if not wrong and value["format"] != FORMAT:
        wrong = f"it is of format {value['format']}, this version of dropgrid reads {FORMAT}"
    if wrong:
        raise UserError(f"cannot read {published.values}: {wrong}; {AGAIN}")
    return value
