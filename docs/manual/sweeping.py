"""How to run a method: one run, against its baseline, over its main key, and beside another; and who studies it."""

import re
from typing import Any

import torch
import yaml
from torch import nn

from manual import nets
from manual.acting import initialised, network
from manual.options import BASELINES, CONF, OF_BASELINE, Option, read_option

STACKED = {"regularizer": ("dropout", "drop_path"), "augment": ("crop_flip", "cutout"), "penalty": ("max_norm", "l1")}
"""Axes whose options stack: what stands first in the example, and what does where that is the page's own."""

FIRST = {"optimizer": ("rho", "lr"), "lr_schedule": ("final", "warmup"), "init": ("mode",), "norm": ("statistics",)}
"""Axes -> keys that one sweeps before others, where an option has them and, but for these, none of its own."""

TRAIN = "python scripts/train.py"


def needs(option: Option) -> str:
    """What else has to be said for a run to be accepted."""
    if option.axis == "penalty" and option.built().decays:
        return " optimizer.weight_decay=0"
    if option.node.get("path", "") is None:
        return f" {option.axis}.path=weights.safetensors"
    override = "[a-z_.]+=[a-z_]+"
    patterns = (rf"Use with ({override}(?: {override})*)\.", rf": ({override})\.")
    return "".join(f" {each}" for pattern in patterns for each in re.findall(pattern, option.comment))


def main_key(option: Option) -> str | None:
    """The first number that the axis's baseline does not have too; else the first word; None where there is nothing."""
    shared = set(read_option(option.axis, BASELINES.get(option.axis, "none")).node)
    if len(alike_but_for_depth(option)) > 1:
        return None
    own = {key: value for key, value in option.node.items() if key not in shared and not key.startswith("_")}
    numbers = [key for key, value in own.items() if isinstance(value, int | float) and not isinstance(value, bool)]
    words = [key for key, value in own.items() if isinstance(value, str)]
    first = [key for key in FIRST.get(option.axis, ()) if key in option.node]
    before, after = (first, []) if option.axis == "optimizer" else ([], first)
    return next((key for key in [*before, *numbers, *words, *after] if len(values(option, key)) > 1), None)


def values(option: Option, key: str) -> list[str]:
    """Of a key, for a sweep: about its default, nearer to 0 or to 1 as it is itself; what is refused is left out."""
    value = option.node[key]
    if isinstance(value, str):
        return option.accepted(key, lambda built: works(option, built))
    if key == "keep_prob":
        found = [0.95, 0.9, 0.8, 0.7, 0.5]
    elif value == 0:
        found = [value, 0.05, 0.1]
    elif isinstance(value, int) and value >= 500:  # layers: no more of them than there are
        found = [value // 4, value // 2, value]
    elif isinstance(value, int):
        found = [max(1, value // 2), value, 2 * value]
    elif 0.5 < value < 1:
        found = [1 - 2 * (1 - value), value, 1 - (1 - value) / 2]
    else:
        factor = 10 if abs(value) < 0.01 else 2
        found = [value / factor, value, value * factor]
    if option.axis in ("init", "model", "norm"):
        found = [each for each in found if option.tried({key: each}, lambda built: works(option, built))]
    whole = ".0" if isinstance(value, float) else ""  # some take no int for a float
    return list(dict.fromkeys(f"{each:g}" + (whole if f"{each:g}".lstrip("-").isdigit() else "") for each in found))


def works(option: Option, built: Any) -> bool:
    """Whether it takes its arguments, where these are looked at only when it is called."""
    if option.axis == "augment":
        images = torch.zeros(2, 1, 28, 28)
        built(images, torch.zeros(2, dtype=torch.int64), generator=torch.Generator().manual_seed(0), context=None)
    elif option.axis == "norm":
        built(lambda bias: nn.Conv2d(16, 16, 1, bias=bias), 16)
    elif option.axis == "init":
        initialised(network("ResNet-20", [], "meta"), built)
    elif option.axis == "lr_schedule":
        built(3, 240)
    elif option.axis == "model":
        nets.made(option, built)
    return True


def commands(option: Option) -> dict[str, list[str]]:
    """What it is for -> the overrides of `scripts/train.py`, without -m."""
    axis, name, more = option.axis, option.chosen, needs(option).split()
    found = {"one run": [f"{axis}={name}", *more]}
    baseline = BASELINES.get(axis, "none")
    if baseline == name:
        found["against another, three seeds"] = [f"{axis}={name},{OF_BASELINE[axis]}", "sweep.seeds=3"]
    elif not needed(option):
        found["against the baseline, three seeds"] = [f"{axis}={baseline},{name}", *more, "sweep.seeds=3"]
    alike = alike_but_for_depth(option)
    if len(alike) > 1:
        found["over depth"] = [f"{axis}={','.join(alike[:3])}"]
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


def needed(option: Option) -> bool:
    """Whether what else has to be said does not suit the baseline: a key of the axis, another task."""
    return any(each.startswith((f"{option.axis}.", "task=")) for each in needs(option).split())


def alike_but_for_depth(option: Option) -> list[str]:
    """The members of a family that differ from its first in `depths` alone."""
    own = {key: value for key, value in option.node.items() if key != "depths"}
    return [each.name for each in option.members if {k: v for k, v in each.node.items() if k != "depths"} == own]


def shown(overrides: list[str]) -> str:
    """The command line; several values are a sweep."""
    many = any(re.search(r"=[^\[\]]*,", each) for each in overrides)
    return " ".join([TRAIN, *(["-m"] if many else []), *overrides])


def ablations(option: Option) -> list[str]:
    """Those whose YAML chooses the option: lines of Markdown."""
    name = f"(?:{'|'.join(re.escape(each.name) for each in option.members)})"
    chosen = re.compile(rf"\b{option.axis}(?:@\w+)?\s*[=:]\s*{name}\b")
    listed = re.compile(rf"^\s+{option.axis}:\s*\[[^\]]*\b{name}\b", re.MULTILINE)
    found = []
    for path in sorted((CONF / "ablation").glob("*.yaml")):
        text = re.sub(r"#.*", "", path.read_text())  # a comment chooses nothing
        if chosen.search(text) or listed.search(text):
            about = yaml.safe_load(text)["ablation"]
            found.append(
                f"- [{about['title']}](../../ablations/{path.stem}.md): {about['question']}\n"
                f"  `{TRAIN} +ablation={path.stem}`"
            )
    return found
