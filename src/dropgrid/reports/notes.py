"""What stands under the table: what holds, what the intervals cover, what is missing or doubtful."""

from collections.abc import Sequence

from dropgrid.reports import provenance
from dropgrid.reports.statistics import ABOVE
from dropgrid.reports.table import Row, Table

RULE = (
    "Verdict: “above baseline” where the whole 95 % interval of the difference lies above 0, “below baseline” where it "
    "lies below 0, “no difference shown” otherwise."
)


def notes(table: Table) -> list[str]:
    """One sentence or a few each, in the order in which a reader wants them."""
    found = [*outcome(table), *intervals(table)]
    if any(row.verdict for row in table.rows):
        found.append(RULE)
    found += [
        text for block, rows in table.blocks for text in missing(rows, f" ({block.label})" if block.factors else "")
    ]
    found += [text for row in table.rows for text in treatment(row)]
    found += provenance.mixed(table.ablation)
    for block, _ in table.blocks:
        for row in provenance.without_effect(block, table.ablation.baseline):
            found.append(
                f"“{row}” ends with exactly the baseline's weights in every seed: what it sets did nothing in training."
            )
    if table.ablation.about.get("protocol"):
        found.append(f"Protocol: {table.ablation.about['protocol']}")
    published = {row.name: row.published for row in table.rows if row.published}
    found += [f"Published, “{name}”: {each['note']}" for name, each in published.items() if each.get("note")]
    return found


def outcome(table: Table) -> list[str]:
    """Said plainly where nothing beats the baseline."""
    found = []
    for block, rows in table.blocks:
        judged = [row for row in rows if row.verdict]
        where = f" at {block.label}" if block.factors else ""
        if judged and not any(row.verdict == ABOVE for row in judged):
            all_of_them = len(judged) == sum(not row.baseline for row in rows)
            found.append(f"No row beats the baseline{where}{'' if all_of_them else ', of those that can be judged'}.")
    return found


def intervals(table: Table) -> list[str]:
    """What the intervals cover and what they do not."""
    sizes = sorted({row.planned for row in table.rows})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    judged = [row for row in table.rows if row.difference is not None and row.difference.ci95 is not None]
    if not judged:
        one = "One seed a row: no standard deviation, no interval, no verdict; a single pair shows nothing."
        return [one] if sizes == [1] else []
    several = (
        f" Each is for one comparison, not for all at once: of {len(judged)} such intervals {0.05 * len(judged):.2g} "
        "miss 0 by chance, on average, where nothing differs."
    )
    return [
        f"Intervals: 95 %, Student t, n = {n} seeds; differences are paired by seed. They cover the randomness of "
        "training alone (initial weights, order of data, masks): every run is tested on the same test images, and "
        f"another test set would move all rows.{several if len(judged) > 1 else ''}"
    ]


def missing(rows: Sequence[Row], where: str) -> list[str]:
    """The rows with cells that are not finished, and what that withholds."""
    parts = []
    for row in rows:
        if not row.complete:
            others = [f"{count} {status}" for status, count in row.statuses.items() if status != "finished"]
            parts.append(f"{row.name} {row.sample.n}/{row.planned} ({', '.join(others) or 'metric missing'})")
    if not parts:
        return []
    return [
        f"Incomplete{where}: {'; '.join(parts)}. Mean ± std are over the cells finished so far; intervals, differences "
        "and verdicts wait until the row and its baseline are complete."
    ]


def treatment(row: Row) -> list[str]:
    """Flagged and clamped sites."""
    found = [
        f"Treatment not as planned in “{row.name}” at {site.site}: {percent(site.expected)} expected to be dropped, "
        f"{percent(site.realised)} realised. {'All verdicts are' if row.baseline else 'Its verdict is'} withheld."
        for site in row.flagged
    ]
    clamped = [site.site for site in row.sites if site.clamped]
    if clamped:
        found.append(f"The block is clamped to the whole map in “{row.name}” at {', '.join(clamped)}.")
    return found


def percent(fraction: float | None) -> str:
    """A fraction as `12.3 %`; `nothing` where no site ran."""
    return "nothing" if fraction is None else f"{100 * fraction:.2f} %"
