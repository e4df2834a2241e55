"""table.json: everything the table knows."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dropgrid.reports import question
from dropgrid.reports.claim_results import Judged
from dropgrid.reports.comparisons import percent
from dropgrid.reports.footnotes import notes
from dropgrid.reports.measurements import Measurement
from dropgrid.reports.table import NATS, Row, Table
from dropgrid.store.evaluations import SHARE
from dropgrid.tasks.description import PERCENT


def render(table: Table) -> str:
    """Everything the table knows, numbers unrounded."""
    ablation, about = table.ablation, table.ablation.about
    value = {
        "name": ablation.name,
        "title": table.title,
        "question": about.get("question"),
        "claim": about.get("claim"),
        "metric": ablation.metric,
        "unit": "percent" if ablation.task.unit == PERCENT else ablation.task.unit,
        "units": {name: "nats" for name in NATS if any(name in row.metrics for row in table.rows)},
        "baseline": ablation.baseline,
        "claims": [claim_values(each) for each in table.claims],
        "rows": [row_values(row) for row in table.rows],
        **question.as_json(table),
        "notes": notes(table),
    }
    return json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def claim_values(judged: Judged) -> dict[str, Any]:
    """A stated claim and what came of it."""
    comparison = judged.comparison and asdict(judged.comparison)
    return {"claim": judged.claim.text, "block": judged.block, "outcome": judged.outcome, "comparison": comparison}


def row_values(row: Row) -> dict[str, Any]:
    """One row of table.json: the headline in percent, differences in points, dropped fractions in percent."""
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
        "verdict": row.verdict,
        "withheld": row.withheld,
        "published": row.published,
        "against_published": row.against,
        "differs": list(row.differs),
        "also": {metric: asdict(each) for metric, each in row.also.items()},
        "keep_prob": row.keep_prob,
        "drop_prob": None if row.keep_prob is None else round(1 - row.keep_prob, 12),
        "noise_std": row.noise_std,
        "dropped_expected": None if row.expected is None else percent(row.expected),
        "dropped_realised": None if row.realised is None else percent(row.realised),
        "flagged": [site.site for site in row.flagged],
        "metrics": dict(row.metrics),
        "parameters": row.parameters,
        "seconds": row.seconds,
        "evaluations": {name: measurement_values(each) for name, each in row.evaluations.items()},
    }


def measurement_values(found: Measurement) -> dict[str, Any]:
    """A metric of an evaluation; a share in percent."""
    sample = found.sample
    about = {"heading": found.heading, "unit": "percent" if found.unit == SHARE else found.unit or None}
    return {"n": sample.n, "mean": sample.mean, "std": sample.std, **about}


def finite(value: Any) -> Any:
    """Values with None for what JSON cannot express (NaN, infinities)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list | tuple) else value
