"""The summary of a finished run that loggers show."""

from collections.abc import Mapping
from typing import Any

SHOWN_KEYS = ("best_epoch", "epochs", "steps", "parameters", "diverged")
"""Keys of result.json that are shown beside the metrics."""


def summarize_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result's metrics and counts, and `expected/<site>` and `realised/<site>`, fractions of all training."""
    found = {**result["metrics"], **{name: result[name] for name in SHOWN_KEYS if name in result}}
    sites = result["treatment"]["sites"]
    for part in ("expected", "realised"):
        found |= {f"{part}/{site['site']}": site[part] for site in sites}
    return {**found, "flagged": len(result["treatment"]["flagged"])}
