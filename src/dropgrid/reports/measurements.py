"""Measurements on finished cells after training: from their files to a row's statistics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dropgrid.statistics import samples
from dropgrid.store.evaluations import SHARE, Measured, evaluation_of


@dataclass(frozen=True)
class Measurement:
    """A row's numbers of one metric of an evaluation; shares in percent."""

    heading: str
    unit: str
    sample: samples.Sample


def measurements(cells: Iterable[tuple[int, Mapping[str, Measured]]]) -> dict[str, Measurement]:
    """Statistics over the seeds that have a metric, by its name."""
    values: dict[str, dict[int, Measured]] = {}
    for seed, found_there in cells:
        for name, each in found_there.items():
            values.setdefault(name, {})[seed] = each
    found = {}
    for name, by_seed in values.items():
        _, heading, unit = next(iter(by_seed.values()))
        scale = 100 if unit == SHARE else 1
        numbers = [round(scale * by_seed[seed].value, 10) for seed in sorted(by_seed)]
        found[name] = Measurement(heading, unit, samples.describe(numbers))
    return found


def ordered(names: Iterable[str]) -> list[str]:
    """By evaluation, then as they first came; those that differ in a level alone side by side, by that level."""
    found = dict.fromkeys(names)
    stems = {stem: place for place, stem in enumerate(dict.fromkeys(split(name)[0] for name in found))}
    return sorted(found, key=lambda name: (evaluation_of(name), stems[split(name)[0]], split(name)[1]))


def split(name: str) -> tuple[str, float]:
    """`noise/gaussian_noise_0.1` as what is measured and its level."""
    stem, _, level = name.rpartition("_")
    try:
        return stem, float(level)
    except ValueError:
        return name, 0.0
