"""The numbers: of every path all points (paths.json), and what was chosen and found (findings.json, a table)."""

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from optimizer_paths.paths import COMMON, TUNED, Paths
from optimizer_paths.statements import findings
from optimizer_paths.surface import BOUND
from optimizer_paths.tuning import RATES, RULE
from optimizer_paths.walk import Walk

Seen = Mapping[str, tuple[Mapping[str, Paths], Mapping[str, Sequence[Walk]]]]
"""Surface -> (regime -> paths, optimizer -> its trials)."""


def rounded(values: Any) -> Any:
    """Six digits of each number."""
    return [rounded(each) for each in values] if isinstance(values, list) else float(f"{values:.6g}")


def points(seen: Seen) -> str:
    """Surface -> regime -> optimizer -> [[x, y], …] from the start on."""
    found = {
        name: {
            regime: {optimizer: rounded(walk.points.tolist()) for optimizer, walk in paths.walks.items()}
            for regime, paths in regimes.items()
        }
        for name, (regimes, _) in seen.items()
    }
    return json.dumps(found, separators=(",", ":")) + "\n"


def summary(seen: Seen, left_out: Mapping[str, str]) -> dict[str, Any]:
    """What was walked, tried, chosen and found."""
    return {
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "left_out": dict(left_out),
        "tuning": {"rates": list(RATES), "rule": RULE},
        "bound": f"{BOUND:g} half windows from the window's middle",
        "surfaces": {name: of_surface(name, *each) for name, each in seen.items()},
    }


def of_surface(name: str, regimes: Mapping[str, Paths], trials: Mapping[str, Sequence[Walk]]) -> dict[str, Any]:
    """One surface's part of it."""
    common = regimes[COMMON]
    judged = {regime: findings(name, paths) for regime, paths in regimes.items()}
    return {
        "formula": common.surface.formula,
        "start": list(common.start),
        "offset": common.offset,
        "goal": common.surface.aim,
        "steps": common.steps,
        "rate": common.rate,
        "paths": {
            regime: {optimizer: outcome(walk) for optimizer, walk in paths.walks.items()}
            for regime, paths in regimes.items()
        },
        "tuning": {
            optimizer: {
                "arrived": [walk.arrived for walk in walks],
                "stopped": [walk.stopped for walk in walks],
                "loss": [rounded(walk.losses[-1]) for walk in walks],
            }
            for optimizer, walks in trials.items()
        },
        "statements": [
            {
                "said": statement.said,
                "means": statement.means,
                COMMON: {"verdict": at_common.verdict, "reading": at_common.reading},
                TUNED: {"verdict": at_tuned.verdict, "reading": at_tuned.reading},
            }
            for (statement, at_common), (_, at_tuned) in zip(judged[COMMON], judged[TUNED], strict=True)
        ],
    }


def outcome(walk: Walk) -> dict[str, Any]:
    """A path in numbers; the loss is that of its last finite point."""
    return {
        "rate": walk.rate,
        "arrived": walk.arrived,
        "stopped": walk.stopped,
        "steps": walk.steps,
        "loss": rounded(walk.losses[-1]),
    }


def markdown(found: Mapping[str, Any]) -> str:
    """The statements, and below them the rates that were chosen, as tables of a page."""
    told = ["| surface | statement | at the common rate | at the tuned rates |", "| --- | --- | --- | --- |"]
    for name, each in found["surfaces"].items():
        for statement in each["statements"]:
            cells = [f"**{statement[r]['verdict']}**: {statement[r]['reading']}" for r in (COMMON, TUNED)]
            told.append(f"| {name} | {statement['said']}: {statement['means']} | {' | '.join(cells)} |")
    names = list(found["surfaces"])
    told += ["", "Each optimizer's tuned rate, and the step from which it stays at the goal:", ""]
    told += [f"| optimizer | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for optimizer in found["surfaces"][names[0]]["paths"][TUNED]:
        walks = [found["surfaces"][name]["paths"][TUNED][optimizer] for name in names]
        told.append(f"| {optimizer} | {' | '.join(map(arrival, walks))} |")
    return "\n".join(told).replace("|y|", "\\|y\\|").replace("|Δy|", "\\|Δy\\|") + "\n"


def arrival(walk: Mapping[str, Any]) -> str:
    """`0.00316: 69`, or that it is not there."""
    return f"{walk['rate']:g}: " + ("not there" if walk["arrived"] is None else f"{walk['arrived']:,}")
