"""How to run a method: one run, against its baseline, over its main key, and beside another; and who studies it."""

import re
from typing import Any

import torch
import yaml

from manual.options import BASELINES, CONF, ROOT, Option

STACKED = {"regularizer": ("dropout", "drop_path"), "augment": ("crop_flip", "cutout"), "penalty": ("max_norm", "l1")}
"""Axes whose options stack: what stands first in the example, and what does where that is the page's own."""

TRAIN = "python scripts/train.py"


def needs(option: Option) -> str:
    """What else has to be said for a run to be accepted."""
    return " optimizer.weight_decay=0" if option.axis == "penalty" and option.built().decays else ""


def main_key(option: Option) -> str | None:
    """The first number that the axis's baseline does not have too; else the first word; None where there is nothing."""
    baseline = CONF / option.axis / f"{BASELINES.get(option.axis, 'none')}.yaml"
    shared = set(yaml.safe_load(baseline.read_text()))
    own = {key: value for key, value in option.node.items() if key not in shared}
    numbers = [key for key, value in own.items() if isinstance(value, int | float) and not isinstance(value, bool)]
    words = [key for key, value in own.items() if isinstance(value, str)]
    return next(iter([*numbers, *words]), None)


def values(option: Option, key: str) -> list[str]:
    """Of a key, for a sweep: about its default, nearer to 0 or to 1 as it is itself."""
    value = option.node[key]
    if isinstance(value, str):
        return option.accepted(key, lambda built: works(option, built))
    if key == "keep_prob":
        found = [0.95, 0.9, 0.8, 0.7, 0.5]
    elif isinstance(value, int):
        found = [max(1, value // 2), value, 2 * value]
    elif 0.5 < value < 1:
        found = [1 - 2 * (1 - value), value, 1 - (1 - value) / 2]
    else:
        factor = 10 if value < 0.01 else 2
        found = [value / factor, value, value * factor]
    whole = ".0" if isinstance(value, float) else ""  # some take no int for a float
    return list(dict.fromkeys(f"{each:g}" + (whole if f"{each:g}".isdigit() else "") for each in found))


def works(option: Option, built: Any) -> bool:
    """Whether an augmentation takes its arguments."""
    images = torch.zeros(2, 1, 28, 28)
    built(images, torch.zeros(2, dtype=torch.int64), generator=torch.Generator().manual_seed(0), context=None)
    return True


def commands(option: Option) -> dict[str, list[str]]:
    """What it is for -> the overrides of `scripts/train.py`, without -m."""
    axis, name, more = option.axis, option.name, needs(option).split()
    found = {"one run": [f"{axis}={name}", *more]}
    found["against the baseline, three seeds"] = [
        f"{axis}={BASELINES.get(axis, 'none')},{name}",
        *more,
        "sweep.seeds=3",
    ]
    key = main_key(option)
    if key is not None:
        found[f"over {key}"] = [f"{axis}={name}", f"{axis}.{key}={','.join(values(option, key))}", *more]
    if axis in STACKED:
        first, other = STACKED[axis]
        before = other if first == name else first
        second = f"{axis}_2.{key}={values(option, key)[0]}" if key is not None else ""
        mirror = [f"{axis}.flip=false"] if before == "crop_flip" else []  # no digit is another's mirror image
        chosen = [f"{axis}={before}", *mirror, f"+{axis}@{axis}_2={name}", second, *more]
        found["as a second one"] = [each for each in chosen if each]
    return found


def shown(overrides: list[str]) -> str:
    """The command line; several values are a sweep."""
    many = any(re.search(r"=[^\[\]]*,", each) for each in overrides)
    return " ".join([TRAIN, *(["-m"] if many else []), *overrides])


def ablations(option: Option) -> list[str]:
    """Those whose YAML chooses the option: lines of Markdown."""
    chosen = re.compile(rf"\b{option.axis}(?:@\w+)?\s*[=:]\s*{option.name}\b")
    listed = re.compile(rf"^\s+{option.axis}:\s*\[[^\]]*\b{option.name}\b", re.MULTILINE)
    found = []
    for path in sorted((CONF / "ablation").glob("*.yaml")):
        text = re.sub(r"#.*", "", path.read_text())  # a comment chooses nothing
        if chosen.search(text) or listed.search(text):
            about = yaml.safe_load(text)["ablation"]
            results = ROOT / "results" / path.stem / "table.md"
            more = f" ([results](../../../results/{path.stem}/table.md))" if results.exists() else ""
            found.append(
                f"- [{about['title']}](../../../conf/ablation/{path.stem}.yaml): {about['question']}{more}\n"
                f"  `{TRAIN} +ablation={path.stem}`"
            )
    return found
