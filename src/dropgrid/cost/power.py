"""The number of seeds a plan needs, estimated from its finished cells; a pilot to run if there are none."""

import math
import shlex
from dataclasses import asdict, dataclass
from typing import Any

from dropgrid.cost.price import Price
from dropgrid.execution.live_view import minutes
from dropgrid.execution.slots import slots
from dropgrid.planning.seeds import difference_to_detect
from dropgrid.planning.types import Plan
from dropgrid.statistics.interim import level_by_count
from dropgrid.statistics.power import (
    Design,
    Spread,
    Values,
    detectable_difference,
    expected_power,
    pooled_spread,
    seeds_needed,
    seeds_to_plan,
    verdict_power,
)
from dropgrid.statistics.samples import CONFIDENCE, POWER
from dropgrid.store.identity import treatment_id
from dropgrid.store.layout import Outputs
from dropgrid.store.records import read_lines, read_result

PILOT = 3
"""Seeds of a pilot."""


@dataclass(frozen=True)
class Pilot:
    """The estimate from finished seeds: differences in points; `seconds` to train all rows at the seeds needed.

    `family` comparisons share the verdict's level. `seeds_needed` have the power on average over what the spread may
    be, `seeds_needed_interval` at the ends of its interval. `shown` is the chance that the plan's own `seeds` show
    `detect`, and `detectable` the difference that they show, at the estimated spread.
    """

    detect: float
    spread: Spread
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
        needed = f"{self.seeds_needed:,} seeds" if self.seeds_needed else "more than a million seeds"
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
        return [
            f"power: to detect a difference of {self.detect:g} points with {POWER:.0%} power (the table's verdict, "
            f"{self.family} {'comparison' if self.family == 1 else 'comparisons'}): {needed}{time}; {yours}",
            f"  from {found.seeds} finished seeds of {rows}: the standard deviation of paired differences is "
            f"{found.sd:.2f} points, 95% interval {low:.2f} to {high:.2f} (so {fewest} to {most} seeds){alike}",
        ]

    @property
    def as_json(self) -> dict[str, Any]:
        """The estimate for `--json`."""
        return {"power": POWER, **asdict(self)}


def estimate_pilot(price: Price) -> Pilot | None:
    """Return the estimate from a plan's finished cells; None if no row shares two seeds with its baseline."""
    plan, delta = price.plan, difference_to_detect(price.plan.sweep)
    found = finished_spread(plan)
    if found is None:
        return None
    design = design_of(plan)
    needed = seeds_to_plan(delta, found, design)
    low, high = (seeds_needed(delta, each, design) for each in found.interval)
    times = [line.seconds for line in price.lines]
    a_seed = None if None in times else sum(each for each in times if each is not None) / slots(plan)
    seconds = needed * a_seed if needed and a_seed else None
    seeds = len(price.lines[0].seeds)
    least = detectable_difference(seeds, found.sd, design)
    shown = None if least is None else verdict_power(seeds, delta, found.sd, design)
    return Pilot(delta, found, needed, (low, high), seconds, seeds, least, shown, design.family)


def design_of(plan: Plan) -> Design:
    """Return what the verdicts of a plan's table depend on: with interim analyses, at the last."""
    rows, counts = len({cell.row for cell in plan.cells}), plan.about.get("looks")
    return Design(rows - 1, rows, level_by_count(counts)[counts[-1]] if counts else 1 - CONFIDENCE)


def finished_spread(plan: Plan) -> Spread | None:
    """Return how paired differences of a plan's finished seeds vary; None if no row shares two with its baseline."""
    return pooled_spread(finished_values(plan), plan.about["baseline"])


def reach_lines(plan: Plan, found: Spread | None) -> list[str]:
    """Return a line if finished seeds vary so much that even the last interim analysis may not show `sweep.detect`."""
    counts, delta = plan.about.get("looks"), difference_to_detect(plan.sweep)
    if not counts or found is None:
        return []
    shown = expected_power(counts[-1], delta, found, design_of(plan))
    if shown >= POWER:
        return []
    return [
        f"sweep.detect={delta:g} cannot be reached: by {counts[-1]} seeds, the last of sweep.looks, a difference of "
        f"{delta:g} points is shown with {shown:.0%} power, not {POWER:.0%}; raise either, or expect open verdicts"
    ]


def finished_values(plan: Plan) -> list[Values]:
    """Return the headline metric of finished cells, in points, for each combination of factors.

    Includes seeds of the same rows that an earlier command trained.
    """
    rows = {(str(cell.factors), cell.row, treatment_id(cell.config)) for cell in plan.cells}
    cells = {(str(cell.factors), cell.row, cell.seed): cell.id for cell in plan.cells}
    outputs = Outputs(plan.outputs)
    for line in read_lines(outputs.ablation(plan.name)):
        if (str(line["factors"]), line["row"], line.get("treatment")) in rows:
            cells.setdefault((str(line["factors"]), line["row"], line["seed"]), line["cell"])
    blocks: dict[str, dict[str, dict[int, float]]] = {}
    for (factors, row, seed), cell in cells.items():
        result = read_result(outputs.run(cell)) or {}
        value = result.get("metrics", {}).get(plan.about["metric"])
        if value is not None and math.isfinite(value):
            blocks.setdefault(factors, {}).setdefault(row, {})[seed] = 100 * value
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
