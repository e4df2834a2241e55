"""The schema of each file of an outputs folder: anyone may have edited, damaged or copied what is there."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.errors import Damaged
from dropgrid.store.files import REMOVE, read_json

NUMBER, WHOLE, TEXT, TRUTH, ANY = "a number", "a whole number", "a text", "true or false", "anything"
METRIC = "a number of any size"
"""What a run measured: the norm of an exploding signal may be 1e30."""

LARGEST = 2**63

SITE = {
    "site": TEXT,
    "nominal": NUMBER,
    "expected": NUMBER,
    "realised?": NUMBER,
    "stderr?": NUMBER,
    "kind?": TEXT,
    "counts?": TEXT,
    "schedule?": TEXT,
    "shape?": [WHOLE],
    "clamped?": TRUTH,
    "flagged?": TRUTH,
    "finding?": TEXT,
}
PROVENANCE = {
    "device?": TEXT,
    "capability?": TEXT,
    "source?": TEXT,
    "modules?": {"*": TEXT},
    "host?": TEXT,
    "started?": NUMBER,
    "finished?": NUMBER,
}
ATTEMPT = {"host?": TEXT, "step?": WHOLE, "passed_over?": {"*": TEXT}}
RESULT = {
    "cell?": TEXT,
    "seed?": WHOLE,
    "metrics": {"*": (METRIC, None)},
    "best_epoch?": WHOLE,
    "epochs?": WHOLE,
    "steps?": WHOLE,
    "parameters?": WHOLE,
    "chance?": (NUMBER, None),
    "treatment?": {"sites?": [SITE], "flagged?": [TEXT]},
    "weights?": {"*": TEXT},
    "files?": {"*": TEXT},
    "reproduce": TEXT,
    "timing?": {"*": (NUMBER, None)},
    "provenance?": {**PROVENANCE, "versions?": {"*": TEXT}, "attempts?": [ATTEMPT]},
}
FAILURE = {"class": TEXT, "message": TEXT, "log?": TEXT}
STATE = {
    "phase": TEXT,
    **dict.fromkeys(("epoch?", "epochs?", "step?", "steps?", "pid?"), WHOLE),
    **dict.fromkeys(("loss?", "time?"), NUMBER),
    "host?": TEXT,
}
CONFIG = {"*": ANY}
"""Of config.yaml and of local.yaml."""

LINE = {"row": TEXT, "seed": WHOLE, "cell": TEXT, "factors": {"*": ANY}, "overrides?": [TEXT]}
"""Of each line of cells.json."""

RULES = {"margin": math.inf, "trained": 100.0}
"""Keys of an ablation by which verdicts are decided, numbers above 0 and below these: points within which a difference
is none, and percent of the training metric above which a seed trained."""

STATED = {f"{key}?": NUMBER for key in RULES}

CLAIMS = {"claims": [TEXT], "sha256": TEXT, "recorded": TEXT, "finished": WHOLE, "cells": WHOLE, "rules?": STATED}
ASKED = {"asked?": [TEXT], "ids?": {"*": TEXT}}
"""Of an ablation's evaluations.json."""

MEASURED = {
    "evaluate": TEXT,
    "cell?": TEXT,
    "files?": {"*": TEXT},
    "metrics": {"*": METRIC},
    "headings?": {"*": [TEXT]},
    "config?": {"*": ANY},
    "arrays?": [TEXT],
    "note?": TEXT,
}
"""Of the result of an evaluation."""

TASK = {"headlines": {"*": TEXT}, "quantity": TEXT, "unit": TEXT, "selected": TEXT, "shown": {"*": TEXT}}
"""The schema of a `dropgrid.tasks.description.TaskDescription`."""

ABOUT = {
    **dict.fromkeys(("ablation?", "baseline?", "claim?", "command?", "cost?", "metric?", "name?"), TEXT),
    **dict.fromkeys(("question?", "scale?", "title?"), TEXT),
    "detect?": NUMBER,
    "claims?": [TEXT],
    "contrasts?": {"*": TEXT},
    "looks?": [WHOLE],
    **STATED,
    "matched?": [{"row": TEXT, "factors": {"*": ANY}, "override": TEXT, "dose": NUMBER}],
    "published?": {"*": ANY},
    "swept?": [TEXT],
    "task?": TASK,
}

PUBLISHED_RESULT = {key: shape for key, shape in RESULT.items() if key not in ("reproduce", "files?")}
PUBLISHED = {
    "format": WHOLE,
    "name": TEXT,
    "about": ABOUT,
    "claims": (CLAIMS, None),
    "evaluations": (ASKED, None),
    "imported": {"*": TEXT},
    "answers": {"*": [ANY]},
    "weights": TEXT,
    "images": [(TEXT, None)],
    "configs": [{"*": ANY}],
    "cells": [
        {"line": LINE, "config": WHOLE, "result": PUBLISHED_RESULT, "evaluations": {"*": MEASURED}, "epochs": TEXT}
    ],
}
"""The schema of a published cells.json.gz."""


def read_checked(path: Path, shape: Any) -> Any:
    """Return a JSON file's value, or None if there is no such file; Damaged names the part that breaks the schema."""
    value = read_json(path)
    if value is not None:
        check(path, value, shape)
    return value


def check(path: Path, value: Any, shape: Any) -> None:
    """Raise Damaged unless a file's value has a shape."""
    if wrong := misfit(value, shape):
        raise Damaged(f"cannot read {path}: {wrong}; {REMOVE}")


def misfit(value: Any, shape: Any, where: str = "") -> str:
    """Return what in a value is not as its shape says; empty if all is.

    A shape is a word, a tuple of shapes that are allowed, a list of one that every item has, or a mapping: keys that
    end in ? may be missing or null, others may be there that it does not name, and * stands for every key.
    """
    if shape is None or isinstance(shape, str):
        return "" if fits(value, shape) else complaint(value, where, shape or "null")
    if isinstance(shape, tuple):
        return "" if any(not misfit(value, each, where) for each in shape) else misfit(value, shape[0], where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return complaint(value, where, "a list")
        return next(filter(None, (misfit(each, shape[0], f"{where}[{i}]") for i, each in enumerate(value))), "")
    if not isinstance(value, Mapping):
        return complaint(value, where, "a mapping")
    below = f"{where}." if where else ""
    if "*" in shape:
        named = [(key, each, shape["*"]) for key, each in value.items()]
    else:
        for key in shape:
            if not key.endswith("?") and key not in value:
                return f"{below}{key} is missing"
        pairs = ((key.rstrip("?"), key, of) for key, of in shape.items())
        named = [(k, value[k], of) for k, key, of in pairs if k == key or value.get(k) is not None]
    for key, each, of in named:
        if wrong := misfit(each, of, f"{below}{key}"):
            return wrong
    return ""


def fits(value: Any, word: str | None) -> bool:
    """Predicate: a value is what a word says."""
    if word == TEXT:
        return isinstance(value, str)
    if word == TRUTH:
        return isinstance(value, bool)
    if word == METRIC:
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        return whole or isinstance(value, float)
    if word in (NUMBER, WHOLE):
        if word == NUMBER and isinstance(value, float) and not math.isfinite(value):
            return True  # of a run that diverged; who reads it takes it for none
        kinds = int if word == WHOLE else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) <= LARGEST
    return value is None if word is None else True


def complaint(value: Any, where: str, wanted: str) -> str:
    """Return `metrics.x is 'a', not a number`."""
    return f"{where or 'it'} is {str(value)[:40]!r}, not {wanted}"
