"""What stands under the table: what holds, what the intervals cover, what is missing or doubtful."""

from collections.abc import Sequence

from dropgrid.reports import claim_results, external_results, provenance, question
from dropgrid.reports import published as publications
from dropgrid.reports.columns import interval, signed
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import ABOVE, ROUNDING
from dropgrid.store.ablation import Ablation

STANDS = {
    claim_results.HOLDS: "holds",
    claim_results.REFUTED: "is refuted",
    claim_results.OPEN: "is open",
    claim_results.INCOMPLETE: "waits for its rows",
    claim_results.GONE: "refers to rows that no longer exist; not tested",
}

RULE = (
    "Verdict: “above baseline” if the whole simultaneous interval lies above 0, “below baseline” if it "
    "lies below 0, “no difference shown” otherwise."
)


def notes(table: Table) -> list[str]:
    """One sentence or a few each, in the order in which a reader wants them."""
    found = [*claims(table), *outcome(table), *intervals(table)]
    if any(row.verdict for row in table.rows):
        found.append(RULE)
        found += power(table)
    found += design(table.ablation) + against(table) + external_results.notes(table)
    found += [
        text for block, rows in table.blocks for text in missing(rows, f" ({block.label})" if block.factors else "")
    ]
    found += diverged(table)
    found += [text for row in table.rows for text in treatment(row)]
    found += provenance.mixed(table.ablation)
    for block, _ in table.blocks:
        for row in provenance.without_effect(block, table.ablation.baseline):
            found.append(
                f"“{row}” ends with exactly the baseline's weights in every seed: what it sets did nothing in training."
            )
    found += question.notes(table)
    if table.ablation.about.get("protocol"):
        found.append(f"Protocol: {table.ablation.about['protocol']}")
    return found


def diverged(table: Table) -> list[str]:
    """The rows with cells that ended with a loss that is no number."""
    found = []
    quantity = table.ablation.task.quantity.lower()
    for block, _ in table.blocks:
        for row, cells in block.rows.items():
            count = sum(cell.result is not None and bool(cell.result.get("diverged")) for cell in cells)
            where = f" ({block.label})" if block.factors else ""
            if count:
                found.append(f"Diverged: {count} of {len(cells)} cells of “{row}”{where}; their {quantity} is chance.")
    return found


def claims(table: Table) -> list[str]:
    """The claims stated beforehand, first of all."""
    if not table.claims:
        return []
    found = [claim_results.standing(table.ablation)]
    for each in table.claims:
        where = f" ({each.block})" if each.block else ""
        estimate = f": {signed(each.comparison.mean)} {interval(each.comparison.ci95)}" if each.comparison else ""
        found.append(f"Claim “{each.claim.text}”{where} {STANDS[each.outcome]}{estimate}.")
    more = [claim_results.COMBINED] if any(each.claim.pair is None for each in table.claims) else []
    return [*found, claim_results.RULE, *more]


def outcome(table: Table) -> list[str]:
    """The blocks in which no row beats the baseline."""
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
        if sizes != [1]:
            return []
        return ["One seed a row: no standard deviation, no interval, no verdict; a single pair shows nothing."]
    shown = [row for row in judged if row.comparison is not None]
    images = any(row.comparison is not None and row.comparison.examples is not None for row in judged)
    return [
        f"Differences: Student t, 95 %, n = {n} seeds, paired by seed; each interval is for one comparison and covers "
        "the randomness of training alone (initial weights, order of data, masks) on these test images.",
        *together(shown, images),
    ]


def together(rows: Sequence[Row], images: bool) -> list[str]:
    """What the simultaneous intervals are, and how rows vary together."""
    compared = [row.comparison for row in rows if row.comparison is not None]
    if not compared:
        return []
    family = max(each.family for each in compared)
    covers = (
        "They cover training and the choice of test images (seeds × images, from the predictions): other images of the "
        "same kind would move all rows."
        if images
        else "They cover training alone, on these test images: the cells have no predictions to tell more."
    )
    found = [
        f"Simultaneous: Dunnett's intervals against the one baseline with seeds as blocks, which hold for "
        f"{family} comparison{'s' if family > 1 else ''} together with 95 %; each row's spread is moderated by the "
        f"others', never below its own. {covers}"
    ]
    known = [row.correlation for row in rows if row.correlation is not None]
    if known:
        found.append(
            f"Correlation with the baseline over seeds: {signed(min(known))} to {signed(max(known))}; if it is low, "
            "pairing gains nothing, and Welch's interval (on the page, in table.json) is the fairer one."
        )
    return found


def power(table: Table) -> list[str]:
    """The difference that could have been shown."""
    sizes = sorted(row.comparison.detectable for row in table.rows if row.comparison is not None and row.verdict)
    if not sizes or sizes[-1] <= ROUNDING:
        return []
    range_ = f"{sizes[0]:.2f}" if sizes[-1] - sizes[0] < 0.005 else f"{sizes[0]:.2f} to {sizes[-1]:.2f}"
    return [f"Differences of {range_} points, by row, can be shown with 80 % power by these seeds and test images."]


def design(ablation: Ablation) -> list[str]:
    """How seeds and settings were chosen, if the sweep chose them."""
    found = []
    looks, tuned = ablation.about.get("looks"), ablation.about.get("tuned")
    if looks:
        level = f"{100 * (1 - ablation.alpha):.4g} %"
        found.append(
            f"Seeds were added after interim analyses at {', '.join(map(str, looks))} seeds, only to rows whose answer "
            f"was open: simultaneous intervals are at {level}, so that the intervals of all interim analyses hold "
            "together with 95 % under any stopping rule. The intervals of single rows do not allow for it."
        )
    if tuned:
        trials = len(next(iter(tuned.values()))["tried"])
        chosen = "; ".join(f"{row} {each['chosen']}" for row, each in tuned.items())
        found.append(f"Tuned on validation, {trials} settings a row, with seeds of their own: {chosen}.")
    return found


def against(table: Table) -> list[str]:
    """Where the published numbers are from, the rule of their verdicts, and why some are not comparable."""
    rows = [row for row in table.rows if row.published]
    if not rows:
        return []
    about = publications.about(table.ablation)
    found = [f"Published: {about['source']}, n = {about.get('n', 1)}."] if about.get("source") else []
    if any(row.against and row.against != publications.NOT_COMPARABLE for row in rows):
        found.append(publications.RULE)
    differing: dict[str, list[str]] = {}
    for row in rows:
        if row.differs:
            differing.setdefault("; ".join(row.differs), []).append(row.name)
    for what, names in differing.items():
        whose = "all rows" if len(names) == len(rows) else ", ".join(names)
        found.append(f"Not comparable with the published ({whose}): {what}.")
    unknown = [row.name for row in rows if row.effect and not row.effect.error]
    if unknown:
        found.append(f"No spread was published for {', '.join(unknown)}: its error counts as 0.")
    remarks = {row.name: (row.published or {}).get("note") for row in rows}
    return found + [f"Published, “{name}”: {note}." for name, note in remarks.items() if note]


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
        f"Drop-rate check failed in “{row.name}” at {site.site}: {percent(site.expected)} expected to be "
        f"{site.counts}, {percent(site.realised)} realised. "
        f"{'All verdicts are' if row.baseline else 'Its verdict is'} withheld."
        for site in row.flagged
    ]
    clamped = [site.site for site in row.sites if site.clamped]
    if clamped:
        found.append(f"The block is clamped to the whole map in “{row.name}” at {', '.join(clamped)}.")
    return found


def percent(fraction: float | None) -> str:
    """A fraction as `12.34 %`; `nothing` if no site ran."""
    return "nothing" if fraction is None else f"{100 * fraction:.2f} %"
