"""Every claim of a source that a published table judges, in one table: results/scoreboard.json, docs/scoreboard.md."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.reports.claim_results import GONE, HOLDS, REFUTED, recorded_claim
from dropgrid.reports.columns import format_estimate
from dropgrid.reports.published import OTHER, SAME
from dropgrid.statistics.samples import EQUAL, OPEN
from dropgrid.store.published_values import PublishedFolder, read_values
from dropgrid.treatment import as_percent

NAME = "scoreboard"
"""The file in results/, and what marks the table in pages."""

COUNTED = {HOLDS: "hold", REFUTED: "are refuted", EQUAL: "are equal to their bound", OPEN: "are open"}
"""Verdict -> how a number of claims with it is worded."""

HEAD = (
    *("Claim", "Source", "Ours [95 %, all claims of a table]", "n", "Dose", "Scale"),
    *("Verdict", "Protocol", "Stated", "Table"),
)


def scoreboard(results: Path) -> list[dict[str, Any]]:
    """Return the claims of all published tables, by source: each with our estimate, its interval, and its verdict."""
    folders = [PublishedFolder(path) for path in sorted(results.iterdir()) if path.is_dir()]
    found = [claim for folder in folders if folder.values.exists() for claim in claims_of(folder)]
    return sorted(found, key=lambda claim: (claim["source"] or "", claim["table"]))


def claims_of(folder: PublishedFolder) -> Iterator[dict[str, Any]]:
    """Yield the claims of one published table, but those about rows that were taken out: they were not tested."""
    table, values = json.loads(folder.table("json").read_text()), read_values(folder)
    recorded = values["claims"] or {}
    for claim in table["claims"]:
        if claim["outcome"] == GONE:
            continue
        rows = {row["row"]: row for row in table["rows"] if block_label(row) == claim["block"]}
        stated = recorded_claim(claim["claim"], rows)
        first: Mapping[str, Any] = rows[stated.rows[0]] if stated.rows else {}
        comparison = claim["comparison"] or {}
        yield {
            "claim": claim["claim"],
            "block": claim["block"],
            "question": table["question"],
            "source": table["source"],
            "metric": stated.metric or table["metric"],
            "difference": comparison.get("mean"),
            "interval": comparison.get("ci95"),
            "claims_in_family": comparison.get("family"),
            "n": comparison.get("n") or first.get("n"),
            "dose": first.get("dose"),
            "scale": values["about"].get("scale"),
            "verdict": claim["outcome"],
            "protocol": claim.get("protocol") or OTHER,  # earlier code wrote none
            "stated": "before training" if recorded.get("finished") == 0 else "after results",
            "table": folder.folder.name,
        }


def block_label(row: Mapping[str, Any]) -> str:
    """Return the label of a row's block, as claims have it."""
    return ", ".join(f"{key}={value}" for key, value in row["factors"].items())


def as_json(claims: Sequence[Mapping[str, Any]]) -> str:
    """Return results/scoreboard.json."""
    return json.dumps({"claims": claims}, indent=1, ensure_ascii=False) + "\n"


def as_markdown(claims: Sequence[Mapping[str, Any]]) -> str:
    """Return the table for docs/scoreboard.md, whose links lead to results/."""
    lines = [HEAD, tuple("---" for _ in HEAD), *(cells_of(claim) for claim in claims)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells_of(claim: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a claim's line."""
    ours = format_estimate(claim["difference"], claim["interval"]) if claim["interval"] else "seeds that trained"
    dose = "–" if claim["dose"] is None else as_percent(claim["dose"])
    where = f"[{claim['table']}](../results/{claim['table']}/figure.png)"
    block = f" ({claim['block']})" if claim["block"] else ""
    text = re.sub(r"([<>*_|])", r"\\\1", claim["claim"] + block)
    facts = (str(claim["n"]), dose, claim["scale"] or "–", claim["verdict"], claim["protocol"], claim["stated"])
    return (text, claim["source"] or "–", ours, *facts, where)


def summary(claims: Sequence[Mapping[str, Any]]) -> str:
    """Return the counts in a sentence or two."""
    counts = Counter(claim["verdict"] for claim in claims)
    parts = [f"{counts[outcome]} {words}" for outcome, words in COUNTED.items() if counts[outcome]]
    before = sum(claim["stated"] == "before training" for claim in claims)
    same = sum(claim["protocol"] == SAME for claim in claims)
    return (
        f"Of {len(claims)} claims of the sources, {', '.join(parts)}. {same} were tested by the source's protocol, and "
        f"{before} were recorded before the first cell trained; the others are exploratory."
    )
