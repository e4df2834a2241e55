"""Recompute a published table from the values published beside it, without the original outputs."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports import question
from dropgrid.reports.formats import json, markdown
from dropgrid.reports.predictions import WEIGHTS, image_values
from dropgrid.reports.report import build_table
from dropgrid.reports.table import Table
from dropgrid.store.files import parse_json, read_text
from dropgrid.store.layout import Outputs
from dropgrid.store.published_values import AGAIN, PublishedFolder, pack, unpack


def publish_values(table: Table, outputs: Path, target: Path) -> None:
    """Write the values and correct images from which a finished ablation's table can be recomputed into a folder."""
    ablation = table.ablation
    weights = WEIGHTS.get(ablation.metric, "last")
    cells = ablation.cells if ablation.metric in WEIGHTS else []
    correct = {cell.id: found for cell in cells if (found := image_values(cell, weights)) is not None}
    pack(
        Outputs(outputs).ablation(ablation.name),
        PublishedFolder(target),
        columns=("epoch", "step", ablation.task.selected, ablation.task.metric("train")),
        correct=correct,
        weights=weights,
        answers=question.answers_to_publish(table),
    )


@contextmanager
def recompute_table(folder: Path) -> Iterator[tuple[Table, Mapping[str, str]]]:
    """Yield the table of a published folder, and its table.md and table.json, recomputed from its values.

    The cells are unpacked into a temporary outputs folder, from which they are read as usual.

    Raises:
        UserError: there is no published table, it was published without its values, or a file is damaged.
    """
    with TemporaryDirectory() as place:
        name, answers = unpack(folder, Path(place))
        table = build_table(name, place)
        try:
            question.restore_answers(table, answers)
        except (KeyError, TypeError) as error:
            raise UserError(f"cannot read {PublishedFolder(folder).values}: no answer, {error!r}; {AGAIN}") from error
        yield table, {"md": markdown.render(table), "json": json.render(table)}


DIGITS = 9
"""Processors of another instruction set compute logarithms and quantiles that differ in the sixteenth digit."""


def differing_tables(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Return the paths of a folder's tables that differ from these contents in a word, or in a number's `DIGITS`."""
    paths = {kind: PublishedFolder(folder).table(kind) for kind in contents}
    return [path for kind, path in paths.items() if not is_same(read_text(path), contents[kind], kind)]


def is_same(published: str | None, found: str, kind: str) -> bool:
    """Predicate: the texts of two tables are equal, or as JSON have equal values up to rounding."""
    if published == found or published is None or kind != "json":
        return published == found
    try:
        return agree(parse_json(published), parse_json(found))
    except (ValueError, RecursionError):  # no JSON any more: it was edited
        return False


def agree(one: Any, other: Any) -> bool:
    """Predicate: two values of JSON are equal, numbers in their first digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=10.0**-DIGITS, abs_tol=10.0**-DIGITS)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return [*one] == [*other] and all(agree(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
