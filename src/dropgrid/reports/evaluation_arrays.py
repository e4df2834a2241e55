"""The arrays that an evaluation wrote for a block's cells, for the figures that read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dropgrid.reports.table import Row
from dropgrid.store.ablation import Block
from dropgrid.store.arrays import read_arrays
from dropgrid.store.cell import Cell
from dropgrid.store.evaluations import AGAIN, evaluation_of, kept


@dataclass(frozen=True)
class EvaluationArrays:
    """A block's evaluated rows, each with the files of its seeds; `config` is the evaluation's."""

    block: Block
    label: str
    config: Mapping[str, Any]
    rows: Sequence[tuple[Row, Mapping[int, Path]]]

    @property
    def arguments(self) -> str:
        """The evaluation's arguments that differ from their defaults, as given; empty if none do."""
        return self.label.partition("[")[2].rstrip("]")

    @property
    def seed(self) -> int | None:
        """The lowest seed that all rows have; None if they share none."""
        common = set.intersection(*(set(seeds) for _, seeds in self.rows))
        return min(common) if common else None


def find_evaluation_arrays(block: Block, rows: Sequence[Row], option: str) -> EvaluationArrays | None:
    """Return an option's arrays for a block, of several evaluations the one with the fewest arguments; or None."""
    there = {
        row.name: {cell.seed: kept(cell.run, cell.asked, option) for cell in finished_cells(block, row)} for row in rows
    }
    here = {evaluation_of(name) for row in rows for name in row.evaluations}
    labels = sorted({label for seeds in there.values() for each in seeds.values() for label in each if label in here})
    if not labels:
        return None
    label = labels[0]
    own = [(row, {s: each[label][0] for s, each in there[row.name].items() if label in each}) for row in rows]
    config = next(each[label][1] for row in rows for each in there[row.name].values() if label in each)
    return EvaluationArrays(block, label, config, [(row, seeds) for row, seeds in own if seeds])


def finished_cells(block: Block, row: Row) -> list[Cell]:
    """Return the finished cells of a row."""
    return [cell for cell in block.rows.get(row.name, ()) if cell.result is not None]


def arrays_by_seed(seeds: Mapping[int, Path]) -> list[dict[str, np.ndarray]]:
    """Return the arrays of every seed, in the order of seeds; UserError names a damaged file."""
    return [read_arrays(seeds[seed], AGAIN) for seed in sorted(seeds)]
