"""The table of an ablation: a line a row, its statistics, and what is withheld and why."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.reports import statistics
from dropgrid.reports.cells import Ablation, Block, Cell, mean_over_sites
from dropgrid.reports.evaluations import Measurement, measurements
from dropgrid.reports.treatment import Site, sites

NATS = ("test/nll_last",)
"""Metrics that are no shares, hence not in percent."""


@dataclass(frozen=True)
class Row:
    """One line. Accuracies in percent, differences in points, fractions of sites in [0, 1].

    `withheld` says in a word why there is no difference or no verdict; None where there is one, or the row is the
    baseline. `accuracies` and `differences` are those of the single seeds.
    """

    name: str
    factors: Mapping[str, str]
    baseline: bool
    planned: int
    sample: statistics.Sample
    difference: statistics.Difference | None
    verdict: str | None
    withheld: str | None
    accuracies: Mapping[int, float]
    differences: Mapping[int, float]
    metrics: Mapping[str, float | None]
    published: Mapping[str, Any] | None
    keep_prob: float | None
    expected: float | None
    realised: float | None
    sites: Sequence[Site]
    statuses: Mapping[str, int]
    parameters: int | None
    seconds: float | None
    evaluations: Mapping[str, Measurement]

    @property
    def complete(self) -> bool:
        """Whether every planned cell is finished."""
        return self.sample.n == self.planned

    @property
    def flagged(self) -> list[Site]:
        """The sites that did not drop what they should have."""
        return [site for site in self.sites if site.flagged]


@dataclass(frozen=True)
class Table:
    """The blocks of an ablation as rows, in order; each block's rows are compared with the block's baseline."""

    ablation: Ablation
    blocks: Sequence[tuple[Block, Sequence[Row]]]

    @property
    def rows(self) -> list[Row]:
        """All rows, block by block."""
        return [row for _, rows in self.blocks for row in rows]

    @property
    def title(self) -> str:
        """The ablation's title, or its name."""
        return self.ablation.about.get("title") or self.ablation.name

    @property
    def question(self) -> str:
        """What it asks, or its title."""
        return self.ablation.about.get("question") or self.title


def tabulate(ablation: Ablation) -> Table:
    """Compute the table of an ablation from the cells finished so far."""
    return Table(ablation, [(block, block_rows(ablation, block)) for block in ablation.blocks])


def block_rows(ablation: Ablation, block: Block) -> list[Row]:
    """The rows of a block, each against the block's baseline."""
    reference = block.rows[ablation.baseline]
    return [block_row(ablation, block, name, cells, reference) for name, cells in block.rows.items()]


def block_row(ablation: Ablation, block: Block, name: str, cells: Sequence[Cell], reference: Sequence[Cell]) -> Row:
    """One row: its cells' statistics, and their difference to the reference's cells."""
    own, other = percents(cells, ablation.metric), percents(reference, ablation.metric)
    baseline = name == ablation.baseline
    complete = len(own) == len(cells)
    comparable = not baseline and complete and len(other) == len(reference)
    difference = statistics.paired(own, other) if comparable else None
    found = sites(name, cells)
    why = None if baseline else withheld(complete, difference, found, sites(ablation.baseline, reference))
    result = next((cell.result for cell in cells if cell.result), {})
    return Row(
        name=name,
        factors=block.factors,
        baseline=baseline,
        planned=len(cells),
        sample=sample(own, complete),
        difference=difference,
        verdict=statistics.verdict(difference.ci95) if difference and why is None else None,
        withheld=why,
        accuracies=own,
        differences={seed: own[seed] - other[seed] for seed in own if seed in other} if comparable else {},
        metrics=means(cells),
        published=(ablation.about.get("published") or {}).get(name),
        keep_prob=next((cell.keep_prob for cell in cells if cell.keep_prob is not None), None),
        expected=mean_over_sites(cells, "expected"),
        realised=mean_over_sites(cells, "realised"),
        sites=found,
        statuses=Counter(cell.status for cell in cells),
        parameters=result.get("parameters"),
        seconds=mean([cell.found("timing").get("total_seconds") for cell in cells]),
        evaluations=measurements((cell.seed, cell.evaluations) for cell in cells),
    )


def withheld(
    complete: bool, difference: statistics.Difference | None, own: Sequence[Site], other: Sequence[Site]
) -> str | None:
    """Why a row has no verdict, in a word or two; None where it has one."""
    if not complete:
        return "incomplete"
    if difference is None:
        return "baseline incomplete"
    if any(site.flagged for site in own):
        return "treatment flagged"
    if any(site.flagged for site in other):
        return "baseline's treatment flagged"
    return "one seed" if difference.ci95 is None else None


def percents(cells: Sequence[Cell], metric: str) -> dict[int, float]:
    """Seed -> the metric in percent, of the cells that have it."""
    values = {cell.seed: cell.value(metric) for cell in cells}
    return {seed: percent(value) for seed, value in values.items() if value is not None}


def sample(values: Mapping[int, float], complete: bool) -> statistics.Sample:
    """Statistics of the seeds; no interval while some are missing, for those that are may be missing for a reason."""
    found = statistics.describe([values[seed] for seed in sorted(values)])
    return found if complete else statistics.Sample(found.n, found.mean, found.std, None)


def means(cells: Sequence[Cell]) -> dict[str, float | None]:
    """Each metric's mean over the seeds that have it; shares in percent."""
    names = dict.fromkeys(name for cell in cells for name in cell.found("metrics"))
    found = {name: mean([cell.value(name) for cell in cells]) for name in names}
    return {name: value if value is None or name in NATS else percent(value) for name, value in found.items()}


def percent(share: float) -> float:
    """A share in percent, without the 1e-14 that the factor adds."""
    return round(100 * share, 10)


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is there."""
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None
