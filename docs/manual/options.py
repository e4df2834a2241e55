"""The methods that have a page, as their YAMLs say them."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from dropgrid.instantiate import instantiate, locate

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
    "optimizer": (
        "What changes the step",
        "On the gradients of each step; every option of the other axes is inside the loss that it asks for.",
    ),
}
"""Axis -> (heading of the index, where its options act)."""

BASELINES = {"loss": "cross_entropy", "optimizer": "momentum"}
"""What an option is compared with, where that is not `none`."""

ONLY = {"loss": ["label_smoothing"], "optimizer": ["sam"]}
"""Axes of which not every option regularizes."""

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
    def node(self) -> dict[str, Any]:
        """What the YAML holds."""
        found: dict[str, Any] = yaml.safe_load(self.text)
        return found

    @property
    def path(self) -> str:
        """Of the YAML, from the root."""
        return f"conf/{self.axis}/{self.name}.yaml"

    @cached_property
    def header(self) -> str:
        """The comment at the top."""
        lines = re.match(r"(?:#.*\n)+", self.text)
        assert lines, f"{self.path} begins with a comment"
        return " ".join(line.removeprefix("#").strip() for line in lines[0].splitlines())

    @property
    def title(self) -> str:
        """The header up to the paper or the first stop."""
        return re.split(r" \(|[:,.]", self.header)[0]

    @property
    def summary(self) -> str:
        """The header's first sentence."""
        return sentences(self.header)[0]

    @cached_property
    def arguments(self) -> list[Argument]:
        """Those that the YAML sets; a comment may go on in lines of its own."""
        found: list[Argument] = []
        for line in self.text.splitlines():
            match = LINE.match(line)
            if match and not match[1].startswith("_"):
                found.append(Argument(match[1], match[2], match[3] or ""))
            elif found and re.match(r"\s+#", line):
                last = found[-1]
                found[-1] = Argument(last.key, last.default, f"{last.meaning} {line.strip().lstrip('# ')}".strip())
        return found

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
        except ValueError:
            return False


def options() -> list[Option]:
    """All that have a page, by axis."""
    found = []
    for axis in AXES:
        names = ONLY.get(axis) or [path.stem for path in sorted((CONF / axis).glob("*.yaml")) if path.stem != "none"]
        found += [Option(axis, name, (CONF / axis / f"{name}.yaml").read_text()) for name in names]
    return found
