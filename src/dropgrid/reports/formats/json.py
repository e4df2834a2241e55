"""table.json: all numbers of the table."""

import json
from dataclasses import asdict
from typing import Any

from dropgrid.json_output import finite_or_none
from dropgrid.reports import question
from dropgrid.reports.claim_results import ClaimResult
from dropgrid.reports.comparisons import NATS, to_percent
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.measurements import Measurement
from dropgrid.reports.table import Row, Table
from dropgrid.store.evaluations import SHARE
from dropgrid.tasks.description import PERCENT


def render(table: Table) -> str:
    """Return the text of table.json."""
    return json.dumps(finite_or_none(values(table)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def values(table: Table) -> dict[str, Any]:
    """Return what table.json holds: all numbers of the table, unrounded."""
    ablation, about = table.ablation, table.ablation.about
    return {
        "name": ablation.name,
        "title": table.title,
        "question": about.get("question"),
        "claim": about.get("claim"),
        "source": about.get("source"),
        "metric": ablation.metric,
        "unit": "percent" if ablation.task.unit == PERCENT else ablation.task.unit,
        "units": {name: "nats" for name in NATS if any(name in row.metrics for row in table.rows)},
        "baseline": ablation.baseline,
        "claims": [claim_values(each) for each in table.claims],
        "rows": [row_values(row) for row in table.rows],
        **question.answers_as_json(table),
        "notes": table_notes(table),
    }


def claim_values(judged: ClaimResult) -> dict[str, Any]:
    """Return a claim and its outcome for table.json."""
    comparison = judged.comparison and asdict(judged.comparison)
    about = {"claim": judged.claim.text, "block": judged.block, "outcome": judged.outcome}
    return about | {"protocol": judged.protocol, "comparison": comparison}


def row_values(row: Row) -> dict[str, Any]:
    """Return a row for table.json: headline and dropped fractions in percent, differences in points, dose in [0, 1]."""
    difference = row.difference
    return {
        "row": row.name,
        "factors": dict(row.factors),
        "baseline": row.baseline,
        "n": row.sample.n,
        "planned": row.planned,
        "mean": row.sample.mean,
        "std": row.sample.std,
        "ci95": row.sample.ci95,
        "delta": difference and difference.mean,
        "delta_ci95": difference and difference.ci95,
        "p_value": difference and difference.p_value,
        "welch_ci95": row.welch,
        "correlation": row.correlation,
        "simultaneous": row.comparison and asdict(row.comparison),
        "trained": row.trained and asdict(row.trained),
        "outperforms": row.outperforms,
        "iqm": row.iqm,
        "verdict": row.verdict,
        "withheld": row.withheld,
        "published": row.published,
        "against_published": row.against,
        "protocol": row.protocol,
        "differs": list(row.differs),
        "also": {metric: asdict(each) for metric, each in row.also.items()},
        "keep_prob": row.keep_prob,
        "drop_prob": None if row.keep_prob is None else round(1 - row.keep_prob, 12),
        "noise_std": row.noise_std,
        "dropped_expected": None if row.expected is None else to_percent(row.expected),
        "dropped_realised": None if row.realised is None else to_percent(row.realised),
        "dose": row.dose,
        "flagged": [site.site for site in row.flagged],
        "metrics": dict(row.metrics),
        "parameters": row.parameters,
        "seconds": row.seconds,
        "evaluations": {name: measurement_values(each) for name, each in row.evaluations.items()},
    }


def measurement_values(found: Measurement) -> dict[str, Any]:
    """Return a metric of an evaluation for table.json; a share in percent."""
    sample = found.sample
    about = {"heading": found.heading, "unit": "percent" if found.unit == SHARE else found.unit or None}
    return {"n": sample.n, "mean": sample.mean, "std": sample.std, **about}
