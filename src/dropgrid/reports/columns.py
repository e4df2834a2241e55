"""The columns of the table, the same in the terminal, Markdown, LaTeX and the page."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from dropgrid.reports.comparisons import NATS
from dropgrid.reports.measurements import Measurement, order_metrics
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import Interval
from dropgrid.store.evaluations import SHARE, evaluation_of

MINUS = "\N{MINUS SIGN}"
NOTHING = "–"

MOST_METRICS = 3
"""The most metrics that an evaluation may have to be part of the main table."""

EVALUATIONS = 7
"""The rank of the first column of an evaluation, after all other columns."""

METRIC_TITLES = {
    "test/nll_last": "NLL, test",
    "test/ece_last": "Calibration error",
    "train/nll": "NLL, training images",
}
"""Titles of metrics that are no headline of a task."""


@dataclass(frozen=True)
class Column:
    """A heading, its unit, and the function of a row's text; a narrow terminal leaves out the highest `rank` first."""

    heading: str
    unit: str
    text: Callable[[Row], str]
    rank: int = 0
    left: bool = False

    @property
    def full(self) -> str:
        """Heading and unit in one line."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading


def table_columns(table: Table) -> list[Column]:
    """Return the columns that a table needs; those without any value are left out."""
    task = table.ablation.task
    rows = table.rows
    best, train = task.metric("test", "best"), task.metric("train")
    found = [
        Column("Row", "", lambda row: row.name, left=True),
        Column("n", "", format_count),
        Column(headline_title(table), task.unit, format_headline),
        Column("Difference to baseline", f"{task.difference_unit} [95 % CI]".lstrip(), format_difference),
    ]
    if any(row.comparison is not None for row in rows):
        found.append(Column("Simultaneous", "[95 % CI]", format_simultaneous, 1))
    found.append(Column("Verdict", "", format_verdict, left=True))
    if any(row.trained for row in rows):
        found.append(Column("Trained", "seeds [95 % CI of %]", format_trained, 1))
    if any(row.published for row in rows):
        found.append(Column("Published", task.unit, partial(format_published, None), 1))
    if any(row.effect for row in rows):
        found.append(Column("Published difference", "points", format_published_difference, 2))
    if any(row.effect for row in rows):
        found.append(Column("Ours − published", "", lambda row: row.against or NOTHING, 2, left=True))
        found.append(Column("Protocol", "", lambda row: row.protocol or NOTHING, 2, left=True))
    for also in rows[0].also:
        unit, title = "nats" if also in NATS else task.unit, METRIC_TITLES.get(also) or task.title(also)
        found.append(Column(title, unit, partial(format_metric, also), 3))
        if any((row.published or {}).get(also) for row in rows):
            found.append(Column(f"Published {title.lower()}", unit, partial(format_published, also), 4))
    if table.ablation.metric != best and any(row.metrics.get(best) is not None for row in rows):
        found.append(Column("At best val. epoch", task.unit, lambda row: format_number(row.metrics.get(best)), 5))
    if any(row.metrics.get(train) is not None for row in rows):
        found.append(Column(task.title(train), task.unit, lambda row: format_number(row.metrics.get(train)), 3))
    if any(row.keep_prob is not None for row in rows):
        found.append(Column("keep_prob", "", format_keep_prob, 6))
    if any(row.noise_std is not None for row in rows):
        found.append(Column("Noise std", "", format_noise_std, 6))
    if any(row.expected is not None for row in rows):
        found.append(Column("Dropped: expected → realised", "%", format_dose, 4))
    separate = separate_evaluations(rows)
    few = {evaluation_of(name) for row in rows for name in row.evaluations}.difference(separate)
    return found + evaluation_columns(rows, few)


def separate_evaluations(rows: Sequence[Row]) -> list[str]:
    """Return the evaluations with too many metrics for the main table: each gets a table of its own."""
    names = dict.fromkeys(name for row in rows for name in row.evaluations)
    counts = Counter(map(evaluation_of, names))
    return [name for name, count in counts.items() if count > MOST_METRICS]


def evaluation_lines(rows: Sequence[Row], evaluation: str) -> list[list[str]]:
    """Return the lines of an evaluation's table: one per metric, headed by the rows' names."""
    found = [["", *(row.name for row in rows)]]
    return found + [[each.full, *(each.text(row) for row in rows)] for each in evaluation_columns(rows, [evaluation])]


def evaluation_columns(rows: Sequence[Row], only: Collection[str]) -> list[Column]:
    """Return a column for each metric of some evaluations; a narrow terminal leaves out the last first."""
    named: dict[str, Measurement] = {}
    for row in rows:
        for name, each in row.evaluations.items():
            if evaluation_of(name) in only:
                named.setdefault(name, each)
    return [
        Column(each.heading, each.unit, partial(format_evaluation, name), EVALUATIONS + index)
        for index, (name, each) in enumerate((name, named[name]) for name in order_metrics(named))
    ]


def format_evaluation(name: str, row: Row) -> str:
    """Return mean ± standard deviation of an evaluation's metric, and n if it differs from the row's."""
    found = row.evaluations.get(name)
    if found is None:
        return NOTHING
    text = format_mean_std(found.sample.mean, found.sample.std, 2 if found.unit in (SHARE, "points") else 3)
    return text if found.sample.n == row.sample.n else f"{text} (n = {found.sample.n})"


def headline_title(table: Table) -> str:
    """Return the title of the table's metric."""
    return table.ablation.task.title(table.ablation.metric)


def headline_axis(table: Table) -> str:
    """Return the title of the table's metric, with its unit."""
    return ", ".join(filter(None, [headline_title(table), table.ablation.task.unit]))


def format_count(row: Row) -> str:
    """Return the number of finished seeds, and of how many if some are missing."""
    return str(row.sample.n) if row.complete else f"{row.sample.n}/{row.planned}"


def format_headline(row: Row) -> str:
    """Return mean ± standard deviation over the seeds."""
    return format_mean_std(row.sample.mean, row.sample.std, row.decimals)


def format_difference(row: Row) -> str:
    """Return the mean difference and its interval, or `baseline`."""
    if row.baseline:
        return "baseline"
    if row.difference is None or row.difference.mean is None:
        return NOTHING
    mean = format_signed(row.difference.mean, row.decimals)
    if row.difference.ci95 is None:
        return mean
    return f"{mean} {format_interval(row.difference.ci95, row.decimals)}"


def format_interval(bounds: Interval, decimals: int = 2) -> str:
    """Return `[low, high]`, with signs; an end that would round to 0 has the decimals that show its side."""
    low, high = (format_signed(each, max(decimals, decimals_off_zero(each))) for each in bounds)
    return f"[{low}, {high}]"


def decimals_off_zero(value: float) -> int:
    """Return the decimals that one digit of a small value needs, at most 6: below that it counts as 0."""
    return 0 if abs(value) < 0.5e-6 or math.isinf(value) else max(0, -math.floor(math.log10(abs(value))))


def format_estimate(mean: float, bounds: Interval) -> str:
    """Return a mean and its interval, with the decimals that two digits of its width need, at least two."""
    width = bounds[1] - bounds[0]
    decimals = 2 if not 0 < width < math.inf else max(2, 1 - math.floor(math.log10(width)))
    return f"{format_signed(mean, decimals)} {format_interval(bounds, decimals)}"


def format_keep_prob(row: Row) -> str:
    """Return the nominal keep_prob at the end of its schedule."""
    return NOTHING if row.keep_prob is None else f"{row.keep_prob:g}"


def format_noise_std(row: Row) -> str:
    """Return the standard deviation of the noise at the end of its schedule."""
    return NOTHING if row.noise_std is None else f"{row.noise_std:g}"


def format_dose(row: Row) -> str:
    """Return expected and realised dose: the fraction dropped, a mean over elements of dropping sites, and seeds."""
    if row.expected is None:
        return NOTHING
    realised = NOTHING if row.realised is None else f"{100 * row.realised:.2f}"
    return f"{100 * row.expected:.2f} → {realised}"


def format_simultaneous(row: Row) -> str:
    """Return the simultaneous interval of the difference."""
    return format_interval(row.comparison.ci95, row.decimals) if row.comparison else NOTHING


def format_metric(metric: str, row: Row) -> str:
    """Return mean ± standard deviation of another metric than the headline."""
    found = row.also[metric]
    return format_mean_std(found.mean, found.std, 3 if metric in NATS else 2)


def format_published(metric: str | None, row: Row) -> str:
    """Return the published mean of the headline, or of another metric, and its standard deviation if known."""
    found = row.published or {}
    each = found if metric is None else found.get(metric) or {}
    return format_mean_std(each.get("mean"), each.get("std"))


def format_trained(row: Row) -> str:
    """Return how many seeds trained, and the exact interval of their share in percent."""
    if row.trained is None:
        return NOTHING
    low, high = (f"{100 * end:.0f}" for end in row.trained.interval)
    return f"{row.trained.count} of {row.trained.n} [{low}, {high}]"


def format_outperforms(row: Row) -> str:
    """Return the share of seeds at which a row is above its baseline, and its exact interval, in percent."""
    if row.outperforms is None:
        return NOTHING
    share, (low, high), _ = row.outperforms
    return f"{100 * share:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def format_interquartile(row: Row) -> str:
    """Return the interquartile mean of a row's differences, and its bootstrap interval."""
    if row.iqm is None:
        return NOTHING
    mean, interval = row.iqm
    return f"{format_signed(mean, row.decimals)} {format_interval(interval, row.decimals)}"


def format_published_difference(row: Row) -> str:
    """Return the published difference to the published baseline."""
    return format_signed(row.effect.effect) if row.effect else NOTHING


def format_verdict(row: Row) -> str:
    """Return the verdict, or why it is withheld; a baseline has none, but its drop-rate check may have failed."""
    why = "drop-rate check failed" if row.baseline and row.flagged else row.withheld
    return row.verdict or (f"({why})" if why else NOTHING)


def format_number(value: float | None, decimals: int = 2) -> str:
    """Return a number with two decimals, or another count."""
    return NOTHING if value is None else f"{value:.{decimals}f}".replace("-", MINUS)


def format_signed(value: float, decimals: int = 2) -> str:
    """Return a number with decimals and a sign; a number that rounds to 0 has none."""
    text = f"{value:+.{decimals}f}".replace("-", MINUS)
    return text[1:] if not text[1:].strip("0.") else text


def format_mean_std(mean: float | None, std: float | None, decimals: int = 2) -> str:
    """Return `mean ± std`, or the mean alone if there is no std."""
    return (
        format_number(mean, decimals)
        if std is None
        else f"{format_number(mean, decimals)} ± {format_number(std, decimals)}"
    )
