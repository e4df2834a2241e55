"""The methods that have a page, as their YAMLs say them."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate, locate
from dropgrid.lr_schedules.warmup import warmed

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"

AXES: dict[str, tuple[str, str]] = {
    "regularizer": (
        "What acts inside the network",
        "At the sites that a network offers, in training only unless `regularizer.inference` says otherwise.",
    ),
    "augment": (
        "What changes the batch",
        "On the normalised batch, on its device, before the network sees it; in training only.",
    ),
    "penalty": (
        "What weighs on the weights",
        "A term joins the loss before the backward pass; a projection follows the optimizer's step.",
    ),
    "average": (
        "What averages the weights",
        "After optimizer steps; validation, test and the kept weights are the average's.",
    ),
    "loss": (
        "What changes the targets",
        "On logits and targets (indices or class probabilities); in training, and in what validation reports.",
    ),
    "model": (
        "What is trained",
        "It takes the norm and the activation, and asks the regularizers at each of its sites. A page is a family: the "
        "options of one class.",
    ),
    "norm": (
        "What normalizes",
        "On each convolution and hidden linear layer of the network: on what it gives, or on its weights; in training "
        "and in inference.",
    ),
    "activation": (
        "What bends the signal",
        "After each norm of the network; in training and in inference.",
    ),
    "init": (
        "Where the weights start",
        "Once, before the first step, on the weights of convolutions and linear layers; each has random numbers of its "
        "own, by seed and name.",
    ),
    "optimizer": (
        "What changes the step",
        "On the gradients of each step; every option of the other axes is inside the loss that it asks for.",
    ),
    "lr_schedule": (
        "What changes the learning rate",
        "Before each step of the optimizer, whose rate is `optimizer.lr` times the schedule's factor.",
    ),
}
"""Axis -> (heading of the index, where its options act)."""

BASELINES = {
    "loss": "cross_entropy",
    "optimizer": "momentum",
    "model": "resnet14_mnist",
    "norm": "batch",
    "activation": "relu",
    "init": "kaiming",
    "lr_schedule": "cosine",
}
"""What an option is compared with, where that is not `none`."""

OF_BASELINE = {"optimizer": "adam", "norm": "none", "activation": "elu", "init": "orthogonal", "lr_schedule": "step"}
"""What the baseline itself is compared with, where it has a page."""

ONLY = {"loss": ["label_smoothing"]}
"""Axes of which these options alone have a page."""

SHARED = {"lr_schedule": warmed}
"""What all options of an axis pass through, and is told on the page of each."""

LINE = re.compile(r"^(\w+):\s*(.*?)(?:\s+#\s?(.*))?$")


def sentences(text: str) -> list[str]:
    """A paragraph's sentences; `et al. 2014` and `eq. 1` end none."""
    return re.split(r"(?<=[.!?])(?<!\bal\.)(?<!\beq\.)(?<!\bFig\.)\s+(?=[A-Z`‖]|[a-z]+: )", text)


@dataclass(frozen=True)
class Argument:
    """A key of a YAML: its default as it is written there, and its comment."""

    key: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Option:
    """An option of an axis, of the text of its YAML."""

    axis: str
    name: str
    text: str

    @cached_property
    def own(self) -> dict[str, Any]:
        """The keys of its YAML alone."""
        found: dict[str, Any] = yaml.safe_load(self.text)
        return found

    @cached_property
    def parents(self) -> list["Option"]:
        """The options that its YAML inherits from."""
        return [read_option(self.axis, name) for name in self.own.get("defaults", [])]

    @cached_property
    def node(self) -> dict[str, Any]:
        """What a run has: the keys of its YAML over those that it inherits."""
        found: dict[str, Any] = {}
        for each in self.parents:
            found |= each.node
        return found | {key: value for key, value in self.own.items() if key != "defaults"}

    @cached_property
    def comment(self) -> str:
        """That at the top of the YAML."""
        lines = re.match(r"(?:#.*\n)+", self.text)
        assert lines, f"{self.path} begins with a comment"
        return " ".join(line.removeprefix("#").strip() for line in lines[0].splitlines())

    @property
    def chosen(self) -> str:
        """What the command line calls it."""
        return self.name

    @property
    def members(self) -> tuple["Option", ...]:
        """The options of which the page tells."""
        return (self,)

    @property
    def path(self) -> str:
        """Of the YAML, from the root."""
        return f"conf/{self.axis}/{self.chosen}.yaml"

    @property
    def header(self) -> str:
        """What the page opens with."""
        return self.comment

    @property
    def title(self) -> str:
        """The header up to the paper or the first stop."""
        return re.split(r" \(|[:;,.]", self.header)[0]

    @property
    def summary(self) -> str:
        """The header's first sentence."""
        return sentences(self.header)[0]

    @cached_property
    def arguments(self) -> list[Argument]:
        """The keys of a run, by the last YAML that sets each; a comment may go on in lines of its own, and one that is
        not repeated is the inherited one."""
        found = {each.key: each for parent in self.parents for each in parent.arguments}
        key = ""
        for line in self.text.splitlines():
            match = LINE.match(line)
            if match and not match[1].startswith("_") and match[1] != "defaults":
                key = match[1]
                found[key] = Argument(key, match[2], match[3] or (found[key].meaning if key in found else ""))
            elif key and re.match(r"\s+#", line):
                last = found[key]
                found[key] = Argument(key, last.default, f"{last.meaning} {line.strip().lstrip('# ')}".strip())
        return list(found.values())

    @cached_property
    def target(self) -> Any:
        """What `_target_` names."""
        return locate(self.axis, self.node["_target_"])

    @property
    def module(self) -> ModuleType:
        """Where it stands."""
        found = inspect.getmodule(self.target)
        assert found is not None
        return found

    @property
    def ours(self) -> bool:
        """Whether its docstring is this project's."""
        return self.module.__name__.startswith("dropgrid.")

    def built(self, **changes: Any) -> Any:
        """The option as a run has it, with some arguments changed."""
        return instantiate(self.axis, {**self.node, **changes})

    def accepted(self, key: str, works: Any) -> list[Any]:
        """The values of a key, of those words that its meaning names, with which `works(option)` is true."""
        (argument,) = (each for each in self.arguments if each.key == key)
        words = dict.fromkeys([argument.default, *re.findall(r"\w+", argument.meaning)])
        return [word for word in words if self.tried({key: word}, works)]

    def tried(self, changes: Mapping[str, Any], works: Any) -> bool:
        """Whether it works with these arguments: False where it refuses them."""
        try:
            return bool(works(self.built(**changes)))
        except (ValueError, UserError):
            return False


@dataclass(frozen=True)
class Family(Option):
    """The options of one class, on one page: named as the class's file, with the YAML and name of its first."""

    first: str
    variants: tuple[Option, ...]

    @property
    def chosen(self) -> str:
        return self.first

    @property
    def members(self) -> tuple[Option, ...]:
        return self.variants

    @property
    def header(self) -> str:
        return " ".join((self.module.__doc__ or "").split())


@cache
def read_option(axis: str, name: str) -> Option:
    """The option of a file of conf."""
    return Option(axis, name, (CONF / axis / f"{name}.yaml").read_text())


def natural(name: str) -> list[tuple[int, str]]:
    """Numbers by size: resnet20 before resnet110."""
    return [(int(each), "") if each.isdigit() else (-1, each) for each in re.split(r"(\d+)", name)]


def families(found: list[Option]) -> list[Option]:
    """A page for each `_target_`; the first of a family is called as its file, or begins so."""
    groups: dict[str, list[Option]] = {}
    for each in sorted(found, key=lambda option: natural(option.name)):
        groups.setdefault(each.node["_target_"].split(".")[-2], []).append(each)
    pages: list[Option] = []
    for name, members in sorted(groups.items()):
        first = next(each for each in members if each.name.startswith(name))
        pages.append(Family(first.axis, name, first.text, first.name, tuple(members)))
    return pages


@cache
def of_axis(axis: str) -> tuple[Option, ...]:
    """Those of one axis that have a page."""
    names = ONLY.get(axis) or [path.stem for path in sorted((CONF / axis).glob("*.yaml")) if path.stem != "none"]
    found = [read_option(axis, name) for name in names]
    return tuple(families(found) if axis == "model" else found)


def options() -> list[Option]:
    """All that have a page, by axis."""
    return [each for axis in AXES for each in of_axis(axis)]
