"""The number of seeds a plan needs, estimated from its finished cells; a pilot to run if there are none."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dropgrid.cost.price import Price
from dropgrid.execution.live_view import minutes
from dropgrid.execution.slots import slots
from dropgrid.planning.seeds import difference_to_detect
from dropgrid.planning.types import Plan
from dropgrid.reports.comparisons import values_by_seed
from dropgrid.reports.predictions import image_values_by_row
from dropgrid.statistics.combinations import combined_images_variance
from dropgrid.statistics.interim import level_by_count
from dropgrid.statistics.power import (
    Design,
    Spread,
    detectable_difference,
    expected_power,
    pooled_spread,
    seeds_needed,
    seeds_to_plan,
    verdict_power,
)
from dropgrid.statistics.samples import CONFIDENCE, POWER
from dropgrid.store.cell import Cell
from dropgrid.store.identity import treatment_id
from dropgrid.store.layout import Outputs
from dropgrid.store.records import read_lines

PILOT = 3
"""Seeds of a pilot."""

IMAGES_FROM = 3
"""Seeds whose predictions tell what the choice of test images adds."""

Finished = Sequence[Mapping[str, Sequence[Cell]]]
"""For each combination of factors, row -> its finished cells."""


@dataclass(frozen=True)
class Known:
    """What finished cells tell of the verdicts to come: how differences vary over seeds, and the design, with what
    they vary over test images."""

    spread: Spread
    design: Design


@dataclass(frozen=True)
class Pilot:
    """The estimate from finished seeds: differences in points; `seconds` to train all rows at the seeds needed.

    `family` comparisons share the verdict's level. `seeds_needed` have the power on average over what the spread may
    be, `seeds_needed_interval` at the ends of its interval. `shown` is the chance that the plan's own `seeds` show
    `detect`, and `detectable` the difference that they show, at the estimated spread. `images` is the standard error
    that the choice of test images adds, whatever the seeds.
    """

    detect: float
    spread: Spread
    images: float
    seeds_needed: int | None
    seeds_needed_interval: tuple[int | None, int | None]
    seconds: float | None
    seeds: int
    detectable: float | None
    shown: float | None
    family: int

    @property
    def lines(self) -> list[str]:
        """The estimate in sentences."""
        found = self.spread
        too_many = "no number of seeds, with these test images" if self.images else "more than a million seeds"
        needed = f"{self.seeds_needed:,} seeds" if self.seeds_needed else too_many
        time = f", about {minutes(self.seconds)} in all" if self.seconds else ""
        yours = (
            "one seed shows no difference"
            if self.detectable is None or self.shown is None
            else f"your {self.seeds} seeds have {self.shown:.0%}, and detect {self.detectable:.2f}"
        )
        fewest, most = (f"{each:,}" if each else "over a million" for each in self.seeds_needed_interval)
        low, high = found.interval
        alike = "" if found.correlation is None else f"; rows correlate with their baseline by {found.correlation:.2f}"
        rows = f"{found.rows} {'row' if found.rows == 1 else 'rows'}"
        images = f"  the choice of test images adds a standard error of {self.images:.2f} points, however many seeds"
        return [
            f"power: to detect a difference of {self.detect:g} points with {POWER:.0%} power (the table's verdict, "
            f"{self.family} {'comparison' if self.family == 1 else 'comparisons'}): {needed}{time}; {yours}",
            f"  from {found.seeds} finished seeds of {rows}: the standard deviation of paired differences is "
            f"{found.sd:.2f} points, 95% interval {low:.2f} to {high:.2f} (so {fewest} to {most} seeds){alike}",
            *([images] if self.images else []),
        ]

    @property
    def as_json(self) -> dict[str, Any]:
        """The estimate for `--json`."""
        return {"power": POWER, **asdict(self)}


def estimate_pilot(price: Price, known: Known) -> Pilot:
    """Return the estimate from a plan's finished cells."""
    plan, delta = price.plan, difference_to_detect(price.plan.sweep)
    found, design = known.spread, known.design
    needed = seeds_to_plan(delta, found, design)
    low, high = (seeds_needed(delta, each, design) for each in found.interval)
    times = [line.seconds for line in price.lines]
    a_seed = None if None in times else sum(each for each in times if each is not None) / slots(plan)
    seconds = needed * a_seed if needed and a_seed else None
    seeds = len(price.lines[0].seeds)
    least = detectable_difference(seeds, found.sd, design)
    shown = None if least is None else verdict_power(seeds, delta, found.sd, design)
    images = math.sqrt(design.images)
    return Pilot(delta, found, images, needed, (low, high), seconds, seeds, least, shown, design.family)


def known_of(plan: Plan) -> Known | None:
    """Return what a plan's finished cells tell; None if no row shares two seeds with its baseline."""
    blocks, baseline, metric = finished_cells(plan), plan.about["baseline"], plan.about["metric"]
    values = [{row: values_by_seed(cells, metric) for row, cells in block.items()} for block in blocks]
    spread = pooled_spread(values, baseline)
    if spread is None:
        return None
    rows, counts = len({cell.row for cell in plan.cells}), plan.about.get("looks")
    alpha = level_by_count(counts)[counts[-1]] if counts else 1 - CONFIDENCE  # with interim analyses, at the last
    return Known(spread, Design(rows - 1, rows, alpha, variance_over_images(blocks, baseline, metric)))


def variance_over_images(blocks: Finished, baseline: str, metric: str) -> float:
    """Return the mean variance of a difference to the baseline over test images, in points²; 0 where it is unknown."""
    found = []
    for block in blocks:
        right = image_values_by_row({row: cells[:IMAGES_FROM] for row, cells in block.items()}, metric) or {}
        reference = right.get(baseline, {}).keys()
        rows = [row for row in right if row != baseline and right[row].keys() & reference]
        found += [combined_images_variance(right, ((row, 1), (baseline, -1))) for row in rows]
    return sum(found) / len(found) if found else 0.0


def reach_lines(plan: Plan, known: Known | None) -> list[str]:
    """Return a line if finished seeds vary so much that even the last interim analysis may not show `sweep.detect`."""
    counts, delta = plan.about.get("looks"), difference_to_detect(plan.sweep)
    if not counts or known is None:
        return []
    shown = expected_power(counts[-1], delta, known.spread, known.design)
    if shown >= POWER:
        return []
    return [
        f"sweep.detect={delta:g} cannot be reached: by {counts[-1]} seeds, the last of sweep.looks, a difference of "
        f"{delta:g} points is shown with {shown:.0%} power, not {POWER:.0%}; raise either, or expect open verdicts"
    ]


def finished_cells(plan: Plan) -> Finished:
    """Return the cells that have the headline metric, in the order of seeds, those of the same rows that an earlier
    command trained among them.
    """
    rows = {(str(cell.factors), cell.row, treatment_id(cell.config)) for cell in plan.cells}
    cells = {(str(cell.factors), cell.row, cell.seed): cell for cell in plan.cells}
    for line in read_lines(Outputs(plan.outputs).ablation(plan.name)):
        if (str(line["factors"]), line["row"], line.get("treatment")) in rows:
            cells.setdefault((str(line["factors"]), line["row"], line["seed"]), Cell.from_line(line, plan.outputs))
    blocks: dict[str, dict[str, list[Cell]]] = {}
    for (factors, row, _), cell in sorted(cells.items(), key=lambda each: each[0][2]):
        if cell.value(plan.about["metric"]) is not None:
            blocks.setdefault(factors, {}).setdefault(row, []).append(cell)
    return list(blocks.values())


def pilot_advice(plan: Plan) -> str:
    """Return the advice, with the command of a pilot, if there is no estimate yet."""
    other = ("seed=", "sweep.seeds=", "sweep.budget=")
    words = [word for word in shlex.split(train_command(plan)) if not word.startswith(other)]
    if "-m" not in words and not any(word.startswith("+ablation=") for word in words):
        words.insert(2, "-m")
    seeds = list(dict.fromkeys(cell.seed for cell in plan.cells))
    chosen = seeds[:PILOT] if len(seeds) >= PILOT else range(PILOT)
    line = shlex.join([*words, f"seed={','.join(map(str, chosen))}"])
    return f"power: unknown until two seeds of a row and of its baseline are finished; a pilot: {line}"


def train_command(plan: Plan) -> str:
    """Return the command that trains the plan in its outputs folder."""
    places = [each for each in plan.place if each.startswith(("paths.", "logger"))]
    return " ".join([plan.about["command"], *map(shlex.quote, places)])
