"""The columns of the table as people read it, the same in the terminal, Markdown, LaTeX and the page."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from dropgrid.reports.measurements import Measurement, ordered
from dropgrid.reports.table import NATS, Row, Table
from dropgrid.statistics.samples import Interval
from dropgrid.store.evaluations import SHARE, evaluation_of

MINUS = "\N{MINUS SIGN}"
NOTHING = "–"

FEW = 3
"""Metrics of an evaluation that stand in the table itself."""

EVALUATIONS = 7
"""The rank of the first column of an evaluation: after all others."""

FURTHER = {
    "test/nll_last": "NLL, test",
    "test/ece_last": "Calibration error",
    "train/nll": "NLL, training images",
}
"""Metrics that are no headline of a task -> their titles."""


@dataclass(frozen=True)
class Column:
    """A heading, its unit, and a row's text; a narrow terminal leaves out the highest `rank` first."""

    heading: str
    unit: str
    text: Callable[[Row], str]
    rank: int = 0
    left: bool = False

    @property
    def full(self) -> str:
        """Heading and unit in one line."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading


def columns(table: Table) -> list[Column]:
    """The columns that this table has something to say in."""
    task = table.ablation.task
    rows = table.rows
    best, train = task.metric("test", "best"), task.metric("train")
    found = [
        Column("Row", "", lambda row: row.name, left=True),
        Column("n", "", count),
        Column(headline(table), task.unit, mean_and_std),
        Column("Difference to baseline", "points [95 % CI]", difference),
    ]
    if any(row.comparison is not None for row in rows):
        found.append(Column("Simultaneous", "[95 % CI]", simultaneous, 1))
    found.append(Column("Verdict", "", verdict, 2, left=True))
    if any(row.published for row in rows):
        found.append(Column("Published", task.unit, partial(published, None), 1))
    if any(row.effect for row in rows):
        found.append(Column("Published difference", "points", effect, 2))
    if any(row.against for row in rows):
        found.append(Column("Against published", "", lambda row: row.against or NOTHING, 2, left=True))
    for also in rows[0].also:
        unit, title = "nats" if also in NATS else task.unit, FURTHER.get(also) or task.title(also)
        found.append(Column(title, unit, partial(further, also), 3))
        if any((row.published or {}).get(also) for row in rows):
            found.append(Column(f"Published {title.lower()}", unit, partial(published, also), 4))
    if table.ablation.metric != best and any(row.metrics.get(best) is not None for row in rows):
        found.append(Column("At best val. epoch", task.unit, lambda row: number(row.metrics.get(best)), 5))
    if any(row.metrics.get(train) is not None for row in rows):
        found.append(Column(task.title(train), task.unit, lambda row: number(row.metrics.get(train)), 3))
    if any(row.keep_prob is not None for row in rows):
        found.append(Column("keep_prob", "", keep_prob, 6))
    if any(row.noise_std is not None for row in rows):
        found.append(Column("Noise std", "", noise_std, 6))
    if any(row.expected is not None for row in rows):
        found.append(Column("Dropped: expected → realised", "%", dropped, 4))
    separate = separate_evaluations(rows)
    few = {evaluation_of(name) for row in rows for name in row.evaluations}.difference(separate)
    return found + evaluations(rows, few)


def separate_evaluations(rows: Sequence[Row]) -> list[str]:
    """The evaluations with more metrics than the table has room for: they have tables of their own."""
    names = dict.fromkeys(name for row in rows for name in row.evaluations)
    counts = Counter(map(evaluation_of, names))
    return [name for name, count in counts.items() if count > FEW]


def lines_of(rows: Sequence[Row], evaluation: str) -> list[list[str]]:
    """An evaluation as a table with a line a metric, headed by the rows' names."""
    found = [["", *(row.name for row in rows)]]
    return found + [[each.full, *(each.text(row) for row in rows)] for each in evaluations(rows, [evaluation])]


def evaluations(rows: Sequence[Row], only: Collection[str]) -> list[Column]:
    """A column for each metric of some evaluations; on a narrow terminal the last is left out first."""
    named: dict[str, Measurement] = {}
    for row in rows:
        for name, each in row.evaluations.items():
            if evaluation_of(name) in only:
                named.setdefault(name, each)
    return [
        Column(each.heading, each.unit, partial(evaluated, name), EVALUATIONS + index)
        for index, (name, each) in enumerate((name, named[name]) for name in ordered(named))
    ]


def evaluated(name: str, row: Row) -> str:
    """Mean ± standard deviation of an evaluation's metric, and n if it differs from the row's."""
    found = row.evaluations.get(name)
    if found is None:
        return NOTHING
    text = plus_minus(found.sample.mean, found.sample.std, 2 if found.unit in (SHARE, "points") else 3)
    return text if found.sample.n == row.sample.n else f"{text} (n = {found.sample.n})"


def headline(table: Table) -> str:
    """What the table's metric is called."""
    return table.ablation.task.title(table.ablation.metric)


def headline_axis(table: Table) -> str:
    """What an axis of the table's metric is called, with its unit."""
    return f"{headline(table)}, {table.ablation.task.unit}"


def count(row: Row) -> str:
    """Seeds finished, of those planned if some are missing."""
    return str(row.sample.n) if row.complete else f"{row.sample.n}/{row.planned}"


def mean_and_std(row: Row) -> str:
    """Mean ± standard deviation over the seeds."""
    return plus_minus(row.sample.mean, row.sample.std)


def difference(row: Row) -> str:
    """Mean difference and its interval; the baseline says that it is one."""
    if row.baseline:
        return "baseline"
    if row.difference is None or row.difference.mean is None:
        return NOTHING
    mean = signed(row.difference.mean)
    if row.difference.ci95 is None:
        return mean
    return f"{mean} {interval(row.difference.ci95)}"


def interval(bounds: Interval) -> str:
    """`[low, high]`, with signs."""
    low, high = bounds
    return f"[{signed(low)}, {signed(high)}]"


def keep_prob(row: Row) -> str:
    """The nominal keep_prob at the end of its schedule."""
    return NOTHING if row.keep_prob is None else f"{row.keep_prob:g}"


def noise_std(row: Row) -> str:
    """The standard deviation of the noise at the end of its schedule."""
    return NOTHING if row.noise_std is None else f"{row.noise_std:g}"


def dropped(row: Row) -> str:
    """Expected and realised dropped fraction, means over the sites that drop and over seeds."""
    if row.expected is None:
        return NOTHING
    realised = NOTHING if row.realised is None else f"{100 * row.realised:.2f}"
    return f"{100 * row.expected:.2f} → {realised}"


def simultaneous(row: Row) -> str:
    """The interval of the difference that holds for all rows at once."""
    return interval(row.comparison.ci95) if row.comparison else NOTHING


def further(metric: str, row: Row) -> str:
    """Mean ± standard deviation of a further metric."""
    found = row.also[metric]
    return plus_minus(found.mean, found.std, 3 if metric in NATS else 2)


def published(metric: str | None, row: Row) -> str:
    """The published mean, of the headline or a further metric, and its standard deviation if one was."""
    found = row.published or {}
    each = found if metric is None else found.get(metric) or {}
    return plus_minus(each.get("mean"), each.get("std"))


def effect(row: Row) -> str:
    """The published difference to the published baseline."""
    return signed(row.effect.effect) if row.effect else NOTHING


def verdict(row: Row) -> str:
    """The verdict, or why it is withheld; a baseline has none, but its drop-rate check may have failed."""
    why = "drop-rate check failed" if row.baseline and row.flagged else row.withheld
    return row.verdict or (f"({why})" if why else NOTHING)


def number(value: float | None, decimals: int = 2) -> str:
    """Two decimals, or others."""
    return NOTHING if value is None else f"{value:.{decimals}f}".replace("-", MINUS)


def signed(value: float) -> str:
    """Two decimals and a sign; what rounds to 0 has none."""
    text = f"{value:+.2f}".replace("-", MINUS)
    return text[1:] if text[1:] == "0.00" else text


def plus_minus(mean: float | None, std: float | None, decimals: int = 2) -> str:
    """`mean ± std`, or what there is of it."""
    return number(mean, decimals) if std is None else f"{number(mean, decimals)} ± {number(std, decimals)}"
