"""What to measure on finished cells: the options of conf/evaluate, chosen by overrides or by an ablation's YAML."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.instantiate import by_option
from dropgrid.planning.types import Plan
from dropgrid.store.identity import cell_id, divide

FORMAT = 1
"""Raised when an equal evaluation no longer gives equal numbers: all are then measured again."""

WEIGHTS = ("last", "best")

BETWEEN = re.compile(r"\s+(?=[~+]*[\w.@]+=)")
"""What separates an option and its overrides in a string: lists and texts may hold blanks."""


@dataclass(frozen=True)
class Evaluation:
    """What to measure.

    `node` is the composed option, as configs have it, without `weights`; `label` is the option's name, with the scalars
    that are not its defaults; `id` hashes all that matters, data by content.
    """

    name: str
    label: str
    node: Mapping[str, Any]
    weights: str
    id: str


def asked(plan: Plan) -> list[Evaluation]:
    """What an ablation's YAML wants measured on its cells once they are trained: an option, then its overrides.

        evaluate:
          - cam
          - dropblock_inference evaluate.keep_probs=[1,0.9,0.8] evaluate.skip=false

    Raises:
        UserError: an option, a key or a value of `weights` that there is not.
    """
    listed = plan.about.get("evaluate")
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.strip() for each in listed):
        raise UserError(f"ablation.evaluate lists evaluations, as in [cam, 'noise evaluate.seed=1'], got {listed!r}")
    return [named(text.strip(), plan.outputs) for text in listed]


def named(text: str, outputs: Path) -> Evaluation:
    """The evaluation of one such string."""
    option, *overrides = BETWEEN.split(text)
    try:
        if any(not each.lstrip("~+").startswith("evaluate.") for each in overrides):
            raise UserError("after the option come its keys alone: evaluate.key=value")
        return compose([f"evaluate={option}", *overrides], outputs)[0]
    except UserError as error:
        raise UserError(f"ablation.evaluate, {text!r}: {error}") from error


def compose(words: Sequence[str], outputs: Path) -> tuple[Evaluation, int | str]:
    """The evaluation that the overrides name, and `sweep.jobs`."""
    import hydra

    from dropgrid.planning.compose import groups, hydra_context, key_of, options, parse, plain
    from dropgrid.planning.explain import explained

    with hydra_context():
        mounts = {f"evaluate.{group}=": f"+{group}@evaluate.{group}=" for group in groups()}
        lines = [mounted(word, {"evaluate=": "+evaluate=", **mounts}) for word in words]
        with explained(lines):
            parsed = [parse(line) for line in lines]
            chosen = [each for each in parsed if each.key_or_group == "evaluate"]
            if len(chosen) != 1:
                raise UserError(f"choose one evaluation: +evaluate=X, X one of: {', '.join(options('evaluate'))}")
            for each in parsed:
                if not f"{key_of(each)}.".startswith("evaluate.") and key_of(each) != "sweep.jobs":
                    raise UserError(
                        f"{each.input_line}: cells are as they are; an evaluation has keys evaluate.… alone"
                    )
                if each.is_sweep_override():
                    raise UserError(f"{each.input_line}: one evaluation at a time")
            keys = [key_of(each) for each in parsed if not options(each.key_or_group)]
            config = plain(hydra.compose("train", overrides=lines))
            default = plain(hydra.compose("train", overrides=[str(chosen[0].input_line)]))["evaluate"]
    node, name = by_option("evaluate", config["evaluate"]), chosen[0].get_value_element_as_str()
    if node["weights"] not in WEIGHTS:
        raise UserError(f"evaluate.weights must be last or best, got {node['weights']!r}")
    told = sorted({key.removeprefix("evaluate.") for key in keys if key.startswith("evaluate.")})
    values = {key: at(node, key) for key in told if at(node, key) != at(default, key)}
    scalars = [f"{key}={value}" for key, value in values.items() if not isinstance(value, list | dict)]
    suffix = f"[{','.join(scalars)}]" if scalars else ""
    arguments = {key: value for key, value in node.items() if key != "weights"}
    return Evaluation(name, name + suffix, arguments, node["weights"], identity(node, outputs)), config["sweep"]["jobs"]


def mounted(word: str, mounts: Mapping[str, str]) -> str:
    """An override as Hydra has it: the + of a group that the default run lacks, and where it is mounted."""
    start = next((short for short in mounts if word.startswith(short)), "")
    return mounts.get(start, "") + word.removeprefix(start)


def at(node: Any, key: str) -> Any:
    """The value at a dotted key, or None."""
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def identity(node: Mapping[str, Any], outputs: Path) -> str:
    """The hash of an evaluation; another data set counts by its content, not by where it lies."""
    config, about_data = dict(node), node.get("data")
    if about_data:
        from dropgrid import build  # torch

        config["data"] = divide({"data": about_data})[0]["data"]
        try:
            source = build.source({"data": about_data}, {"paths": {"cache": outputs / ".cache"}})
            config["data"]["fingerprint"] = source.fingerprint()
        except ValueError as error:
            raise UserError(f"evaluate.data: {error}") from error
    return cell_id({"evaluate": config, "format": FORMAT})
