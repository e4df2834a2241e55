"""The table of an ablation: a line a row, its statistics, and what is withheld and why."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from dropgrid.reports import published as publications
from dropgrid.reports.claim_results import Judged, judge_claims
from dropgrid.reports.comparisons import complete, judged, percent, percents
from dropgrid.reports.measurements import Measurement, measurements
from dropgrid.reports.treatment import Site, sites
from dropgrid.statistics import samples
from dropgrid.statistics.dunnett import Comparison
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell, mean_over_sites

Answer = TypeVar("Answer")

NATS = ("test/nll_last", "train/nll")
"""Metrics that are not shares, hence not in percent."""


@dataclass(frozen=True)
class Row:
    """One line. Values of the headline in percent, differences in points, fractions of sites in [0, 1].

    `withheld` says in a word why there is no difference or no verdict; None if there is one, or the row is the
    baseline. `accuracies` and `differences` are by seed. `difference` is paired by seed, `welch` its
    interval as if seeds were not shared, `correlation` with the baseline over seeds; `comparison`, from which the
    verdict is, judges all rows of the block at once. `against` is the verdict against the published effect, `differs`
    in what the protocols do. `also` are the statistics of the ablation's further metrics. `expected` and `realised` are
    means over the sites that drop, `sites` all of them.
    """

    name: str
    factors: Mapping[str, str]
    baseline: bool
    planned: int
    sample: samples.Sample
    difference: samples.Difference | None
    welch: samples.Interval | None
    correlation: float | None
    comparison: Comparison | None
    verdict: str | None
    withheld: str | None
    accuracies: Mapping[int, float]
    differences: Mapping[int, float]
    metrics: Mapping[str, float | None]
    also: Mapping[str, samples.Sample]
    published: Mapping[str, Any] | None
    effect: publications.Published | None
    against: str | None
    differs: Sequence[str]
    keep_prob: float | None
    noise_std: float | None
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
        """The sites that did not do what they should have."""
        return [site for site in self.sites if site.flagged]


@dataclass(frozen=True)
class Table:
    """The blocks of an ablation as rows, in order; each block's rows are compared with the block's baseline.

    `claims` are what the ablation stated, judged; `answers` holds what questions computed (`answer`).
    """

    ablation: Ablation
    blocks: Sequence[tuple[Block, Sequence[Row]]]
    claims: Sequence[Judged] = ()
    answers: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def rows(self) -> list[Row]:
        """All rows, block by block."""
        return [row for _, rows in self.blocks for row in rows]

    def answer(self, compute: "Callable[[Table], Answer]") -> Answer:
        """Return what a question's `compute` makes of this table, computed once and only if it is wanted."""
        if compute not in self.answers:
            self.answers[compute] = compute(self)
        return cast(Answer, self.answers[compute])

    @property
    def title(self) -> str:
        """The ablation's title, or its name."""
        return self.ablation.about.get("title") or self.ablation.name

    @property
    def question(self) -> str:
        """The ablation's question, or its title."""
        return self.ablation.about.get("question") or self.title


def tabulate(ablation: Ablation) -> Table:
    """Compute the table of an ablation from the cells finished so far."""
    return Table(ablation, [(block, block_rows(ablation, block)) for block in ablation.blocks], judge_claims(ablation))


def block_rows(ablation: Ablation, block: Block) -> list[Row]:
    """The rows of a block, each against the block's baseline."""
    compared = comparisons(ablation, block)
    return [block_row(ablation, block, name, cells, compared.get(name)) for name, cells in block.rows.items()]


def comparisons(ablation: Ablation, block: Block) -> dict[str, Comparison]:
    """The block's complete rows, judged together; test images count if every cell has its predictions."""
    whole = {name: cells for name, cells in block.rows.items() if complete(cells, ablation.metric)}
    if ablation.baseline not in whole or len(whole) < 2:
        return {}
    pairs = [(name, ablation.baseline) for name in whole if name != ablation.baseline]
    found = judged(whole, ablation.metric, pairs, 1 - ablation.alpha)
    return {name: each for (name, _), each in zip(pairs, found, strict=False)}


def block_row(ablation: Ablation, block: Block, name: str, cells: Sequence[Cell], comparison: Comparison | None) -> Row:
    """One row: its cells' statistics, and their difference to the baseline's cells."""
    reference = block.rows[ablation.baseline]
    own, other = percents(cells, ablation.metric), percents(reference, ablation.metric)
    baseline = name == ablation.baseline
    whole = complete(cells, ablation.metric)
    comparable = not baseline and whole and complete(reference, ablation.metric)
    difference = samples.paired(own, other) if comparable else None
    found = sites(name, cells)
    why = None if baseline else withheld(whole, difference, found, sites(ablation.baseline, reference))
    result = next((cell.result for cell in cells if cell.result), {})
    effect = None if baseline else publications.effect(ablation, name)
    differs = publications.differs(ablation, next(iter(cells), None)) if publications.entry(ablation, name) else []
    judged = comparison if why is None else None
    return Row(
        name=name,
        factors=block.factors,
        baseline=baseline,
        planned=len(cells),
        sample=sample(own, whole),
        difference=difference,
        welch=samples.welch(own, other) if comparable else None,
        correlation=samples.correlation(own, other) if comparable else None,
        comparison=comparison,
        verdict=samples.verdict(judged.ci95) if judged else None,
        withheld=why,
        accuracies=own,
        differences={seed: own[seed] - other[seed] for seed in own if seed in other} if comparable else {},
        metrics=means(cells),
        also={metric: further(cells, metric, whole) for metric in ablation.about.get("metrics") or []},
        published=publications.entry(ablation, name),
        effect=effect,
        against=against(judged, effect, differs),
        differs=differs,
        keep_prob=next((cell.keep_prob for cell in cells if cell.keep_prob is not None), None),
        noise_std=next((cell.noise_std for cell in cells if cell.noise_std is not None), None),
        expected=mean_over_sites(cells, "expected"),
        realised=mean_over_sites(cells, "realised"),
        sites=found,
        statuses=Counter(cell.status for cell in cells),
        parameters=result.get("parameters"),
        seconds=mean([cell.found("timing").get("total_seconds") for cell in cells]),
        evaluations=measurements((cell.seed, cell.evaluations) for cell in cells),
    )


def against(comparison: Comparison | None, effect: publications.Published | None, differs: Sequence[str]) -> str | None:
    """The verdict against the published effect; None if there is none, or nothing to judge."""
    if effect is None or comparison is None:
        return None
    return publications.NOT_COMPARABLE if differs else publications.judge(comparison, effect)


def withheld(
    complete: bool, difference: samples.Difference | None, own: Sequence[Site], other: Sequence[Site]
) -> str | None:
    """Why a row has no verdict, in a word or two; None if it has one."""
    if not complete:
        return "incomplete"
    if difference is None:
        return "baseline incomplete"
    if any(site.flagged for site in own):
        return "drop-rate check failed"
    if any(site.flagged for site in other):
        return "baseline's drop-rate check failed"
    return "one seed" if difference.ci95 is None else None


def sample(values: Mapping[int, float], complete: bool) -> samples.Sample:
    """Statistics of the seeds; no interval while some are missing, for they may be missing for a reason."""
    found = samples.describe([values[seed] for seed in sorted(values)])
    return found if complete else samples.Sample(found.n, found.mean, found.std, None)


def further(cells: Sequence[Cell], metric: str, whole: bool) -> samples.Sample:
    """Statistics of another metric than the headline."""
    if metric not in NATS:
        return sample(percents(cells, metric), whole)
    values = {cell.seed: value for cell in cells if (value := cell.value(metric)) is not None}
    return sample(values, whole)


def means(cells: Sequence[Cell]) -> dict[str, float | None]:
    """Each metric's mean over the seeds that have it; shares in percent."""
    names = dict.fromkeys(name for cell in cells for name in cell.found("metrics"))
    found = {name: mean([cell.value(name) for cell in cells]) for name in names}
    return {name: value if value is None or name in NATS else percent(value) for name, value in found.items()}


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are not None."""
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None
