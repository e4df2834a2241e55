"""The table of an ablation: one row per line, its statistics, and what is withheld and why."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from dropgrid.reports import published as publications
from dropgrid.reports.claim_results import ClaimResult, judge_claims
from dropgrid.reports.comparisons import (
    all_have_metric,
    alpha_of,
    clip_difference,
    compare_rows,
    highest,
    possible,
    values_by_seed,
)
from dropgrid.reports.measurements import Measurement, summarize_measurements
from dropgrid.reports.seed_statistics import decimals_of, mean_of_known, metric_means, metric_sample, sample_of_seeds
from dropgrid.reports.trained import Trained, all_trained, count_trained
from dropgrid.reports.treatment import Site, pooled_sites
from dropgrid.statistics import samples
from dropgrid.statistics.interim import is_futile
from dropgrid.statistics.interquartile import interquartile_difference
from dropgrid.statistics.proportions import share_above_baseline
from dropgrid.statistics.simultaneous import Comparison
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Row:
    """One row of the table: the headline in percent, differences in points, fractions of sites in [0, 1].

    `withheld` is a short reason why there is no difference or no verdict; None if there is one, or the row is the
    baseline. `accuracies` and `differences` are by seed. `difference` is paired by seed, `welch` its interval without
    pairing, `correlation` with the baseline over seeds. `comparison`, which gives the verdict, is simultaneous over all
    rows of the block; if not all seeds trained, `trained` takes its place, and intervals are None. `outperforms` is the
    share of seeds above the baseline, its interval, and the number of seeds; `iqm` the interquartile mean of the
    differences and its interval, of 10 seeds or more. `against` is the verdict on ours less the
    published difference, `protocol` whether that of row and baseline is the source's (`same` or `other`), `differs` the
    differences. `also` are the statistics of the ablation's other metrics. `expected` and `realised` are the dose
    (`dropgrid.treatment.dose`), a mean over the seeds; `sites` are all random sites.
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
    trained: Trained | None
    outperforms: tuple[float, samples.Interval, int] | None
    iqm: tuple[float, samples.Interval] | None
    verdict: str | None
    withheld: str | None
    accuracies: Mapping[int, float]
    differences: Mapping[int, float]
    metrics: Mapping[str, float | None]
    also: Mapping[str, samples.Sample]
    published: Mapping[str, Any] | None
    effect: publications.Published | None
    against: str | None
    protocol: str | None
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
    lower_is_better: bool = False
    decimals: int = 2

    @property
    def improves(self) -> bool | None:
        """Whether the verdict says that it is better than the baseline, or worse; None if it says neither."""
        if self.verdict not in (samples.ABOVE, samples.BELOW):
            return None
        return (self.verdict == samples.BELOW) == self.lower_is_better

    @property
    def complete(self) -> bool:
        """Whether every planned cell is finished."""
        return self.sample.n == self.planned

    @property
    def dose(self) -> float | None:
        """The fraction that it dropped; None if it drops nothing."""
        return self.realised

    @property
    def flagged(self) -> list[Site]:
        """The sites that fail the drop-rate check."""
        return [site for site in self.sites if site.flagged]


@dataclass(frozen=True)
class Table:
    """The blocks of an ablation in order, with their rows, which are compared with the block's baseline.

    `claims` are the results of the ablation's claims; `answers` holds the answers of questions (`answer`).
    """

    ablation: Ablation
    blocks: Sequence[tuple[Block, Sequence[Row]]]
    claims: Sequence[ClaimResult] = ()
    answers: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def rows(self) -> list[Row]:
        """All rows, block by block."""
        return [row for _, rows in self.blocks for row in rows]

    def answer(self, compute: "Callable[[Table], Answer]") -> Answer:
        """Return a question's answer to this table, computed at the first call."""
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


def is_futile_row(ablation: Ablation, row: Row) -> bool:
    """Predicate: even the last interim analysis would hardly settle a row's verdict, at the difference to detect.

    For a row in which some seeds did not train: that number of seeds could not decide.
    """
    counts, detect = ablation.about.get("looks"), ablation.about.get("detect")
    if not counts or not detect:
        return False
    if row.trained is not None:
        return row.trained.decides is None or row.trained.decides > counts[-1]
    return row.comparison is not None and is_futile(row.comparison, detect, counts[-1], alpha_of(ablation)(counts[-1]))


def block_rows(ablation: Ablation, block: Block) -> list[Row]:
    """Return the rows of a block, each compared with the block's baseline."""
    compared = compare_block(ablation, block)
    return [block_row(ablation, block, name, cells, compared.get(name)) for name, cells in block.rows.items()]


def compare_block(ablation: Ablation, block: Block) -> dict[str, Comparison]:
    """Compare the block's complete rows with the baseline; test images count if every cell has its predictions.

    The family is all rows except the baseline, even if cells are missing. Rows with seeds that did not train are not
    compared here (`reports.trained`).
    """
    whole = {
        name: cells
        for name, cells in block.rows.items()
        if all_have_metric(cells, ablation.metric) and all_trained(ablation, cells)
    }
    if ablation.baseline not in whole or len(whole) < 2:
        return {}
    pairs = [(name, ablation.baseline) for name in whole if name != ablation.baseline]
    apart = [pair for pair in pairs if is_unpaired(ablation, *(whole[name] for name in pair))]
    found = compare_rows(whole, ablation.metric, pairs, alpha_of(ablation), family_of(block), apart)
    return {name: each for (name, _), each in zip(pairs, found, strict=True) if each is not None}


def is_unpaired(ablation: Ablation, cells: Sequence[Cell], others: Sequence[Cell]) -> bool:
    """Predicate: rows that others trained have other seeds, so that nothing pairs them."""
    return ablation.foreign and {cell.seed for cell in cells} != {cell.seed for cell in others}


def family_of(block: Block) -> int:
    """Return the number of comparisons that share a block's level: its rows except the baseline."""
    return max(1, len(block.rows) - 1)


def block_row(ablation: Ablation, block: Block, name: str, cells: Sequence[Cell], comparison: Comparison | None) -> Row:
    """Return one row: its cells' statistics, and their difference to the baseline's cells."""
    reference = block.rows[ablation.baseline]
    own, other = values_by_seed(cells, ablation.metric), values_by_seed(reference, ablation.metric)
    baseline = name == ablation.baseline
    whole = all_have_metric(cells, ablation.metric)
    settled = whole and all_have_metric(reference, ablation.metric)
    comparable = settled and not baseline
    apart = comparable and is_unpaired(ablation, cells, reference)
    difference = samples.paired_difference(own, other) if comparable else None
    paired = {seed: own[seed] - other[seed] for seed in own if seed in other} if comparable and not apart else {}
    if apart:
        difference = samples.unpaired_difference(own, other)
    trained = count_trained(ablation, cells, reference, family_of(block)) if settled else None
    limits = possible(block.rows, ablation.metric)
    if difference:
        difference = replace(difference, ci95=None, p_value=None) if trained else clip_difference(difference, limits)
    welch = samples.welch_interval(own, other) if comparable and not trained else None
    found = pooled_sites(name, cells)
    why = None if baseline else withheld_reason(whole, difference, found, pooled_sites(ablation.baseline, reference))
    result = next((cell.result for cell in cells if cell.result), {})
    effect = None if baseline else publications.published_difference(ablation, name)
    known = publications.published_row(ablation, name)
    firsts = next(iter(cells), None), next(iter(reference), None)
    differs = publications.pair_differences(ablation, name, *firsts) if known else []
    judged = comparison if why is None else None
    margin = ablation.rule("margin")
    return Row(
        name=name,
        factors=block.factors,
        baseline=baseline,
        planned=len(cells),
        sample=sample_of_seeds(own, whole and not trained, highest(block.rows, ablation.metric)),
        difference=difference,
        welch=welch and samples.clip_interval(welch, *limits),
        correlation=samples.correlation(own, other) if comparable and not apart else None,
        comparison=comparison,
        trained=trained,
        outperforms=share_above_baseline(own, other) if comparable and not apart else None,
        iqm=interquartile_difference([*paired.values()]) if comparable and not trained else None,
        verdict=row_verdict(judged, trained, margin) if why is None else None,
        withheld=why,
        accuracies=own,
        differences=paired,
        metrics=metric_means(cells),
        also={metric: metric_sample(cells, metric, whole) for metric in ablation.about.get("metrics") or []},
        published=known,
        effect=effect,
        against=publications.compare_with_published(judged, effect, ablation) if judged and effect else None,
        protocol=publications.protocol_of(ablation, name, differs) if effect or (baseline and known) else None,
        differs=differs,
        keep_prob=next((cell.keep_prob for cell in cells if cell.keep_prob is not None), None),
        noise_std=next((cell.noise_std for cell in cells if cell.noise_std is not None), None),
        expected=mean_of_known([cell.dose("expected") for cell in cells]),
        realised=mean_of_known([cell.dose("realised") for cell in cells]),
        sites=found,
        statuses=Counter(cell.status for cell in cells),
        parameters=result.get("parameters"),
        seconds=mean_of_known([cell.found("timing").get("total_seconds") for cell in cells]),
        evaluations=summarize_measurements([(cell.seed, cell.evaluations) for cell in cells], without=ablation.metric),
        lower_is_better=ablation.task.lower_is_better,
        decimals=decimals_of(ablation, block),
    )


def row_verdict(comparison: Comparison | None, trained: Trained | None, margin: float | None) -> str | None:
    """Return the verdict on a row: by the number of seeds that trained if not all did, else by the comparison."""
    if trained is not None:
        return trained.verdict
    return samples.difference_verdict(comparison.ci95, comparison.inner, margin) if comparison else None


def withheld_reason(
    complete: bool, difference: samples.Difference | None, own: Sequence[Site], other: Sequence[Site]
) -> str | None:
    """Return why a row has no verdict, in a few words; None if it has one."""
    if not complete:
        return "incomplete"
    if difference is None:
        return "baseline incomplete"
    if any(site.flagged for site in own):
        return "drop-rate check failed"
    if any(site.flagged for site in other):
        return "baseline's drop-rate check failed"
    return "one seed" if difference.n < 2 else None
