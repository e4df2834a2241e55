"""What to measure on finished cells: the options of conf/evaluate, chosen by overrides or by an ablation's YAML."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.instantiate import by_option
from dropgrid.planning.types import Plan
from dropgrid.store.identity import divide, evaluation_id
from dropgrid.store.layout import Outputs
from dropgrid.tasks.description import trains_itself

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


def requested_evaluations(plan: Plan) -> list[Evaluation]:
    """Return what an ablation's YAML wants measured on its trained cells: an option, then its overrides.

        evaluate:
          - cam
          - dropblock_inference evaluate.keep_probs=[1,0.9,0.8] evaluate.skip=false

    Raises:
        UserError: an option, a key or a value of `weights` that does not exist.
    """
    listed = plan.about.get("evaluate")
    if listed is None:
        return []
    if any(map(trains_itself, plan.configs)):
        raise UserError("ablation.evaluate measures networks that dropgrid trains, and this task trains by itself")
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.strip() for each in listed):
        raise UserError(f"ablation.evaluate lists evaluations, as in [cam, 'noise evaluate.seed=1'], got {listed!r}")
    found = [parse_evaluation(text.strip(), plan.outputs) for text in listed]
    labels = [each.label for each in found]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UserError(f"ablation.evaluate lists {twice} twice: their numbers would have the same names")
    return found


def parse_evaluation(text: str, outputs: Path) -> Evaluation:
    """Return the evaluation of one such string."""
    option, *overrides = BETWEEN.split(text)
    try:
        if any(not each.lstrip("~+").startswith("evaluate.") for each in overrides):
            raise UserError("after the option come its keys alone: evaluate.key=value")
        return compose_evaluation([f"evaluate={option}", *overrides], outputs)[0]
    except UserError as error:
        raise UserError(f"ablation.evaluate, {text!r}: {error}") from error


def compose_evaluation(words: Sequence[str], outputs: Path) -> tuple[Evaluation, int | str]:
    """Return the evaluation that the overrides name, and `sweep.jobs`."""
    from dropgrid.planning.compose import config_groups, group_options, hydra_context, resolved_config, shared_composer
    from dropgrid.planning.explain import explained, refuse_accepted_mistakes
    from dropgrid.planning.overrides import key_of, parse_overrides, texts_of

    with hydra_context():
        mounts = {f"evaluate.{group}=": f"+{group}@evaluate.{group}=" for group in config_groups()}
        parsed = parse_overrides([mounted(word, {"evaluate=": "+evaluate=", **mounts}) for word in words])
        with explained(parsed):
            refuse_accepted_mistakes(parsed)
            chosen = [each for each in parsed if each.key_or_group == "evaluate"]
            if len(chosen) != 1:
                raise UserError(f"choose one evaluation: +evaluate=X, X one of: {', '.join(group_options('evaluate'))}")
            for each in parsed:
                if not f"{key_of(each)}.".startswith("evaluate.") and key_of(each) != "sweep.jobs":
                    raise UserError(f"{each.input_line}: only evaluate.* keys can be overridden here")
                if each.is_sweep_override():
                    raise UserError(f"{each.input_line}: one evaluation at a time")
            keys = [key_of(each) for each in parsed if not group_options(each.key_or_group)]
            composer = shared_composer()
            config = resolved_config(composer.compose(texts_of(parsed)))
            default = resolved_config(composer.compose(texts_of(chosen)))["evaluate"]
    node, name = by_option("evaluate", config["evaluate"]), chosen[0].get_value_element_as_str()
    checks.one_of("evaluate.weights", node["weights"], WEIGHTS, error=UserError)
    overridden = sorted({key.removeprefix("evaluate.") for key in keys if key.startswith("evaluate.")})
    values = {key: value_at(node, key) for key in overridden if value_at(node, key) != value_at(default, key)}
    scalars = [f"{key}={value}" for key, value in values.items() if not isinstance(value, list | dict)]
    suffix = f"[{','.join(scalars)}]" if scalars else ""
    node, id = identified(node, outputs)
    arguments = {key: value for key, value in node.items() if key != "weights"}
    evaluation = Evaluation(name, name + suffix, arguments, node["weights"], id)
    return evaluation, config["sweep"]["jobs"]


def mounted(word: str, mounts: Mapping[str, str]) -> str:
    """Return an override as Hydra has it: with the + of a group that the default run lacks, and its package."""
    start = next((short for short in mounts if word.startswith(short)), "")
    return mounts.get(start, "") + word.removeprefix(start)


def value_at(node: Any, key: str) -> Any:
    """Return the value at a dotted key, or None."""
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def identified(node: Mapping[str, Any], outputs: Path) -> tuple[Mapping[str, Any], str]:
    """Return an evaluation's node, with the fingerprint of another data set, and the hash of the evaluation, in which
    that counts by its content, not by where it lies."""
    if not node.get("data"):
        return node, evaluation_id(node)
    from dropgrid import build  # torch

    try:
        source = build.source({"data": node["data"]}, {"paths": {"cache": Outputs(outputs).cache}})
        node = {**node, "data": {**node["data"], "fingerprint": source.fingerprint()}}
    except ValueError as error:
        raise UserError(f"evaluate.data: {error}") from error
    return node, evaluation_id({**node, "data": divide({"data": node["data"]})[0]["data"]})
