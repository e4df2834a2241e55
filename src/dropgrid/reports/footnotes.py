"""The notes under the table: outcomes, what the intervals cover, and what is missing or doubtful."""

from collections.abc import Sequence

from dropgrid.reports import claim_results, external_results, provenance, question
from dropgrid.reports import published as publications
from dropgrid.reports.columns import format_estimate, format_number
from dropgrid.reports.interval_notes import interval_notes, power_notes, unit_of
from dropgrid.reports.table import Row, Table, is_futile_row
from dropgrid.reports.treatment import MATCHED, matched_doses, unequal_doses
from dropgrid.statistics.interim import FUTILE, level_by_count
from dropgrid.statistics.samples import EQUAL, OPEN
from dropgrid.store.schemas import RULES
from dropgrid.tasks.description import trains_itself
from dropgrid.treatment import as_percent

OUTCOMES_IN_WORDS = {
    claim_results.HOLDS: "holds",
    claim_results.REFUTED: "is refuted",
    EQUAL: "is equal to its bound within the margin",
    OPEN: "is open",
    claim_results.INCOMPLETE: "waits for its rows, or for its metric",
    claim_results.GONE: "refers to rows that no longer exist; not tested",
}

RULE = (
    "Verdict against the baseline: above or below if the whole simultaneous interval lies on that side of 0, {}open "
    "otherwise."
)
MARGIN = "equal if two one-sided tests at the same level show the difference within ±{:g}{}, "


def table_notes(table: Table) -> list[str]:
    """Return all notes under a table, in the order of importance; each is one sentence or a few."""
    found = [*claim_notes(table), *outcome_notes(table), *interval_notes(table)]
    if any(row.verdict for row in table.rows):
        margin = table.ablation.rule("margin")
        found.append(RULE.format("" if margin is None else MARGIN.format(margin, unit_of(table))))
        found += changed_rules_notes(table)
        found += power_notes(table)
    found += trained_notes(table)
    found += design_notes(table) + published_notes(table) + external_results.import_notes(table)
    found += [
        text
        for block, rows in table.blocks
        for text in incomplete_notes(rows, f" ({block.label})" if block.factors else "")
    ]
    found += diverged_notes(table)
    found += [text for row in table.rows for text in treatment_notes(row)]
    found += matched_doses(table.ablation.about)
    ours = not any(trains_itself(cell.config) for cell in table.ablation.cells[:1])
    for block, rows in table.blocks:
        found += unequal_doses({row.name: row.dose for row in rows}, block.label, MATCHED if ours else "")
    found += provenance.mixed_provenance(table.ablation)
    for block, _ in table.blocks:
        for row in provenance.rows_without_effect(block, table.ablation.baseline):
            found.append(
                f"“{row}” ends with exactly the baseline's weights in every seed: what it sets did nothing in training."
            )
    found += question.question_notes(table)
    found += filter(None, [provenance.trained_on(table.ablation)])
    if table.ablation.about.get("protocol"):
        found.append(f"Protocol: {table.ablation.about['protocol']}")
    return found


def diverged_notes(table: Table) -> list[str]:
    """Return notes on rows with diverged cells."""
    found = []
    quantity = table.ablation.task.quantity.lower()
    for block, _ in table.blocks:
        for row, cells in block.rows.items():
            count = sum(cell.result is not None and bool(cell.result.get("diverged")) for cell in cells)
            where = f" ({block.label})" if block.factors else ""
            if count:
                found.append(f"Diverged: {count} of {len(cells)} cells of “{row}”{where}; their {quantity} is chance.")
    return found


def claim_notes(table: Table) -> list[str]:
    """Return notes on the claims stated before training."""
    if not table.claims:
        return []
    found = [claim_results.claims_status(table.ablation)]
    for each in table.claims:
        where = f" ({each.block})" if each.block else ""
        estimate = f": {format_estimate(each.comparison.mean, each.comparison.ci95)}" if each.comparison else ""
        found.append(f"Claim “{each.claim.text}”{where} {OUTCOMES_IN_WORDS[each.outcome]}{estimate}.")
    more = [claim_results.COMBINED] if any(each.claim.pair is None for each in table.claims) else []
    more += [claim_results.UNTRAINED] if any(each.trained for each in table.claims) else []
    more += [claim_results.OTHER_METRIC] if any(each.claim.metric for each in table.claims) else []
    return [*found, claim_results.RULE, *more, *replication_notes(table)]


def replication_notes(table: Table) -> list[str]:
    """Return a sentence on the claims that hold by another protocol than the source's."""
    holding = [each for each in table.claims if each.outcome == claim_results.HOLDS and each.protocol]
    others = list(dict.fromkeys(each.claim.text for each in holding if each.protocol == publications.OTHER))
    if not others:
        return []
    same = any(each.protocol == publications.SAME for each in table.claims)
    whose = f" of {', '.join(f'“{text}”' for text in others)}" if same else ""
    return [
        f"The protocol{whose} is not the source's: a claim that holds here is a conceptual replication, not a "
        "reproduction."
    ]


def outcome_notes(table: Table) -> list[str]:
    """Return notes on the blocks in which no row beats the baseline."""
    found = []
    for block, rows in table.blocks:
        judged = [row for row in rows if row.verdict]
        where = f" at {block.label}" if block.factors else ""
        if judged and not any(row.improves for row in judged):
            all_of_them = len(judged) == sum(not row.baseline for row in rows)
            found.append(f"No row beats the baseline{where}{'' if all_of_them else ', of those that can be judged'}.")
    return found


def changed_rules_notes(table: Table) -> list[str]:
    """Return a sentence for each rule of verdicts that was changed since, or stated when results were known."""
    found, ablation = [], table.ablation
    recorded_first = ablation.frozen or {}
    known, cells = recorded_first.get("finished", 0), recorded_first.get("cells", 0)
    for key in RULES if "rules" in recorded_first else ():
        now, used = ablation.about.get(key), ablation.rule(key)
        if (now is not None and used is None) or (used is not None and now != used):
            recorded = "none" if used is None else f"{used:g}"
            found.append(f"ablation.{key} has been changed since it was recorded ({recorded}); verdicts use that.")
        elif used is not None and known:
            found.append(
                f"ablation.{key} was recorded when {known} of {cells} cells were trained already: exploratory."
            )
    return found


def trained_notes(table: Table) -> list[str]:
    """Return notes on rows in which some seeds did not train."""
    rows = [row for row in table.rows if row.trained]
    if not rows:
        return []
    stated = table.ablation.rule("trained")
    quantity = table.ablation.task.title(table.ablation.task.metric("train"))
    limit = "twice chance (at most half-way from chance to 100 %)" if stated is None else f"{stated:g} %"
    found = [
        f"Trained: seeds whose loss stayed finite and whose {quantity.lower()} is above {limit}, with the exact 95 % "
        "interval of their share. Where not all of a row or of the baseline did, the verdict is Fisher's test of the "
        "two counts, two-sided, adjusted over the family (Šidák); means are over all seeds and have no interval."
    ]
    for row in rows:
        where = "".join(f" ({key}={value})" for key, value in row.factors.items())
        assert row.trained
        share = f"{row.trained.count} of {row.trained.n} seeds of “{row.name}”{where} trained"
        mean = row.trained.sample.mean
        among = (
            ""
            if mean is None or row.trained.count == row.trained.n
            else f"; those have {format_number(mean)} on average"
        )
        decides = row.trained.decides
        undecided = row.trained.verdict == OPEN and decides is not None and row.trained.n < decides
        more = f"; {row.trained.n} seeds a row cannot decide, {decides} could" if undecided else ""
        if row.trained.count < row.trained.n or undecided:
            found.append(f"{share}{among}{more}.")
    return found


def design_notes(table: Table) -> list[str]:
    """Return notes on how the sweep chose seeds and settings, if it did."""
    found, about = [], table.ablation.about
    looks, tuned = about.get("looks"), about.get("tuned")
    if looks:
        levels = ", ".join(f"{100 * (1 - each):.4g} %" for each in level_by_count(looks).values())
        found.append(
            f"Seeds were added after interim analyses at {', '.join(map(str, looks))} seeds, only to rows whose "
            f"answer was open: simultaneous intervals are at {levels}, so that those of all analyses "
            "hold together with 95 % under any stopping rule. The intervals of single rows do not "
            "allow for it."
        )
        futile = [row.name for row in table.rows if row.verdict == OPEN and is_futile_row(table.ablation, row)]
        if futile:
            found.append(
                f"No seeds were added to {', '.join(futile)}: open, and {looks[-1]} seeds would hardly show even a "
                f"true difference of ±{about['detect']:g} points (conditional power below {100 * FUTILE:.0f} %)."
            )
    if tuned:
        first = next(iter(tuned.values()))
        counts = first.get("rounds", [])
        rounds = [f"{count} for 1/{2 ** (len(counts) - n)}" for n, count in enumerate(counts)]
        halved = f" by halving ({', the better '.join(rounds)} of its epochs)" if rounds else ""
        chosen = "; ".join(f"{row} {each['chosen']}" for row, each in tuned.items())
        found.append(
            f"Tuned on validation{halved}, {len(first['tried'])} settings a row, with seeds of their own: {chosen}."
        )
    return found


def published_notes(table: Table) -> list[str]:
    """Return notes on the source of published numbers, the rule of their verdicts, and differing protocols."""
    rows = [row for row in table.rows if row.published]
    if not rows:
        return []
    about = publications.published_options(table.ablation)
    found = [f"Published: {about['source']}, n = {about.get('n', 1)}."] if about.get("source") else []
    if any(row.against for row in rows):
        stated = about.get("margin")
        margin = f"±{stated:g} points" if stated is not None else "± half the published difference"
        found.append(publications.RULE.format(margin=margin))
        reproduced = [
            row.name
            for row in rows
            if row.effect and publications.is_reproduced(row.verdict, row.against, row.effect, row.protocol)
        ]
        found += [f"Reproduced: {', '.join(reproduced)}."] if reproduced else []
    differing: dict[str, list[str]] = {}
    for row in rows:
        if row.differs:
            differing.setdefault("; ".join(row.differs), []).append(row.name)
    for what, names in differing.items():
        whose = "all rows" if len(names) == len(rows) else ", ".join(names)
        found.append(f"Other protocol than the published ({whose}): {what}.")
    unknown = [row.name for row in rows if row.effect and not row.effect.error]
    if unknown:
        found.append(f"No spread was published for {', '.join(unknown)}: its error counts as 0.")
    remarks = {row.name: (row.published or {}).get("note") for row in rows}
    return found + [f"Published, “{name}”: {note}." for name, note in remarks.items() if note]


def incomplete_notes(rows: Sequence[Row], where: str) -> list[str]:
    """Return notes on unfinished rows, and on what is withheld because of them."""
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


def treatment_notes(row: Row) -> list[str]:
    """Return notes on flagged and clamped sites."""
    found = []
    for site in row.flagged:
        fractions = f"{as_percent(site.expected)} expected to be {site.counts}, {as_percent(site.realised)} realised"
        found.append(
            f"Drop-rate check failed in “{row.name}” at {site.site}: {site.finding or fractions}. "
            f"{'All verdicts are' if row.baseline else 'Its verdict is'} withheld."
        )
    clamped = [site.site for site in row.sites if site.clamped]
    if clamped:
        found.append(f"The block is clamped to the whole map in “{row.name}” at {', '.join(clamped)}.")
    return found
