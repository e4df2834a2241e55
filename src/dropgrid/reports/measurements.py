"""Measurements on finished cells after training: from their files to a row's statistics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dropgrid.statistics import samples
from dropgrid.store.evaluations import SHARE, Measured, evaluation_of


@dataclass(frozen=True)
class Measurement:
    """A row's values of one metric of an evaluation; shares in percent."""

    heading: str
    unit: str
    sample: samples.Sample


def summarize_measurements(
    cells: Iterable[tuple[int, Mapping[str, Measured]]], without: str = ""
) -> dict[str, Measurement]:
    """Return metric -> its statistics over the seeds that have it; one of them, the headline, may be left out."""
    values: dict[str, dict[int, Measured]] = {}
    for seed, found_there in cells:
        for name, each in found_there.items():
            if name != without:
                values.setdefault(name, {})[seed] = each
    found = {}
    for name, by_seed in values.items():
        first = next(iter(by_seed.values()))
        scale = 100 if first.unit == SHARE else 1
        numbers = [round(scale * by_seed[seed].value, 10) for seed in sorted(by_seed)]
        found[name] = Measurement(first.heading, first.unit, samples.describe(numbers))
    return found


def order_metrics(names: Iterable[str]) -> list[str]:
    """Return metrics by evaluation, then in their first order; those that differ only in a level are sorted by it."""
    found = dict.fromkeys(names)
    stems = {stem: place for place, stem in enumerate(dict.fromkeys(split_level(name)[0] for name in found))}
    return sorted(found, key=lambda name: (evaluation_of(name), stems[split_level(name)[0]], split_level(name)[1]))


def split_level(name: str) -> tuple[str, float]:
    """Return the stem of a metric and its level, such as `noise/gaussian_noise` and 0.1."""
    stem, _, level = name.rpartition("_")
    try:
        return stem, float(level)
    except ValueError:
        return name, 0.0
