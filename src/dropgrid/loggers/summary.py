"""What a run ends with, in the words of charts."""

from collections.abc import Mapping
from typing import Any

PLAIN = ("best_epoch", "epochs", "steps", "parameters", "diverged")
"""Of result.json, beside the metrics."""


def summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result's metrics, counts, and `expected/<site>` and `realised/<site>`, the fractions of all of training."""
    found = {**result["metrics"], **{name: result[name] for name in PLAIN if name in result}}
    sites = result["treatment"]["sites"]
    for part in ("expected", "realised"):
        found |= {f"{part}/{site['site']}": site[part] for site in sites}
    return {**found, "flagged": len(result["treatment"]["flagged"])}
