"""The arrays of diagnostics by training step, and the file in which a training records them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dropgrid.store.arrays import read_arrays, write_arrays


class Snapshot(NamedTuple):
    """The arrays of a diagnostic after `step` steps."""

    step: int
    arrays: Mapping[str, np.ndarray]


Results = Mapping[str, Sequence[Snapshot]]
"""Configuration -> snapshots, in the order of training."""


def flatten_snapshots(results: Results) -> dict[str, Mapping[str, np.ndarray]]:
    """Return label -> arrays, one per snapshot: `norm=batch`, or `norm=batch, step 100` if several."""
    return {
        label if len(moments) == 1 else f"{label}, step {each.step:,}": each.arrays
        for label, moments in results.items()
        for each in moments
    }


def write_snapshots(path: Path, recorded: Mapping[str, Sequence[Snapshot]]) -> None:
    """Write each diagnostic's steps as `signal/moments` (T,), and its stacked arrays as `signal/activation` (T, …)."""
    stacked: dict[str, np.ndarray] = {}
    for name, moments in recorded.items():
        if moments:
            stacked[f"{name}/moments"] = np.array([each.step for each in moments])
            stacked |= {f"{name}/{key}": np.stack([each.arrays[key] for each in moments]) for key in moments[0].arrays}
    write_arrays(path, stacked)


def read_snapshots(path: Path) -> dict[str, list[Snapshot]]:
    """Return the snapshots of each diagnostic that a training recorded; empty if the file does not exist."""
    if not path.exists():
        return {}
    arrays = read_arrays(path, "remove it, or train the cell again")
    found: dict[str, list[Snapshot]] = {}
    for name in dict.fromkeys(key.partition("/")[0] for key in arrays):
        own = {key.partition("/")[2]: each for key, each in arrays.items() if key.startswith(f"{name}/")}
        steps = own.pop("moments")
        found[name] = [
            Snapshot(int(step), {key: each[at] for key, each in own.items()}) for at, step in enumerate(steps)
        ]
    return found
