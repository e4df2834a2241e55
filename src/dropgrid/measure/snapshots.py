"""What diagnostics left, moment by moment, and the file that a training keeps of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dropgrid.store.arrays import read_arrays, write_arrays


class Moment(NamedTuple):
    """After how many steps, and the arrays that a diagnostic left."""

    step: int
    arrays: Mapping[str, np.ndarray]


Results = Mapping[str, Sequence[Moment]]
"""By configuration, in the order of training."""


def flat(results: Results) -> dict[str, Mapping[str, np.ndarray]]:
    """One entry a moment: `norm=batch`, or `norm=batch, step 100` where it was measured more than once."""
    return {
        label if len(moments) == 1 else f"{label}, step {each.step:,}": each.arrays
        for label, moments in results.items()
        for each in moments
    }


def write(path: Path, recorded: Mapping[str, Sequence[Moment]]) -> None:
    """Each diagnostic's steps as `signal/moments` (T,), and its arrays, stacked, as `signal/activation` (T, …)."""
    stacked: dict[str, np.ndarray] = {}
    for name, moments in recorded.items():
        if moments:
            stacked[f"{name}/moments"] = np.array([each.step for each in moments])
            stacked |= {f"{name}/{key}": np.stack([each.arrays[key] for each in moments]) for key in moments[0].arrays}
    write_arrays(path, stacked)


def read(path: Path) -> dict[str, list[Moment]]:
    """The moments of each diagnostic that a training recorded; empty where there is no such file."""
    if not path.exists():
        return {}
    arrays = read_arrays(path, "remove it, or train the cell again")
    found: dict[str, list[Moment]] = {}
    for name in dict.fromkeys(key.partition("/")[0] for key in arrays):
        own = {key.partition("/")[2]: each for key, each in arrays.items() if key.startswith(f"{name}/")}
        steps = own.pop("moments")
        found[name] = [Moment(int(step), {key: each[at] for key, each in own.items()}) for at, step in enumerate(steps)]
    return found
