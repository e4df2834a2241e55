"""The rows of an ablation, as its YAML lists them: names and lists of Hydra overrides."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from hydra.core.override_parser.types import Override

from dropgrid import checks
from dropgrid.errors import UserError, did_you_mean
from dropgrid.instantiate import ROOMS, axis_of
from dropgrid.planning.compose import group_options, hydra_context
from dropgrid.planning.overrides import check_count, key_of, parse_override, root_of
from dropgrid.reports import claims, question
from dropgrid.store.cell import Cell
from dropgrid.store.identity import ABOUT_PLACE_IN, READ_INIT, unread_axes
from dropgrid.store.schemas import RULES
from dropgrid.tasks.description import TRAINS_ITSELF, TaskDescription, task_option, trains_itself

UNREAD = {*ROOMS, "scale", "speed"} - {"task", "trainer", "logger", "evaluate", "diagnose"}
"""Groups that a training of one's own does not read."""


DESCRIBED = ("ablation", "name", "title", "question", "claim", "source", "cost", "baseline", "metric", "rows")
"""Keys of an ablation that say what it is."""


def asking_keys() -> list[str]:
    """Return the keys by which an ablation asks for more; each question has one."""
    asked = ("claims", "evaluate", "figure", "match", "metrics", "published", "tune")
    return [*asked, *RULES, *question.question_names()]


def expand_rows(rows: Any) -> dict[str, list[str]]:
    """Return row name -> overrides. A row is a list of override strings, or a mapping key -> value or list of values.

    A mapping is the product of its lists: one row a combination, named by what varies
    (`dropblock block_size=3`).
    """
    if not isinstance(rows, Mapping) or not rows:
        raise UserError(f"ablation.rows must map names to lists of overrides, got {rows!r}")
    found: dict[str, list[str]] = {}
    for name, row in rows.items():
        for full_name, overrides in product_of(str(name), row) if isinstance(row, Mapping) else [(str(name), row)]:
            if not isinstance(overrides, Sequence) or isinstance(overrides, str):
                raise UserError(
                    f"row {name!r} must be a list of overrides such as [regularizer=dropblock], got {row!r}"
                )
            if not full_name.isprintable():
                raise UserError(f"row {full_name!r} has a character in its name that cannot be printed; rename it")
            if full_name in found:
                raise UserError(f"two rows are named {full_name!r}; rename one")
            found[full_name] = [row_override(name, each) for each in overrides]
    return found


def product_of(name: str, row: Mapping[Any, Any]) -> list[tuple[str, list[str]]]:
    """Return a mapping's combinations, in the order of its keys, the last varying fastest."""
    values = {str(k): list(v) if isinstance(v, Sequence) and not isinstance(v, str) else [v] for k, v in row.items()}
    empty = [key for key, choices in values.items() if not choices]
    if empty:
        raise UserError(f"row {name!r} has no values for {empty[0]}")
    check_count(prod(map(len, values.values())), f"the product of row {name!r}")
    combinations = []
    for chosen in product(*values.values()):
        pairs = list(zip(values, chosen, strict=True))
        varying = [f"{key.rpartition('.')[2]}={value}" for key, value in pairs if len(values[key]) > 1]
        combinations.append((" ".join([name, *varying]), [f"{key}={value}" for key, value in pairs]))
    return combinations


def row_override(row: object, text: object) -> str:
    """Return one override of a row, which must be a `key=value`: a choice would make several cells of one row."""
    if not isinstance(text, str) or not ("=" in text or text.startswith("~")):
        raise UserError(f"row {row!r}: an override is written key=value, got {text!r}")
    parsed = parse_override(text)
    if parsed.is_sweep_override():
        raise UserError(f"row {row!r}: {text} has several values; write the row as a mapping key: [values]")
    if parsed.key_or_group == "seed":
        raise UserError(f"row {row!r}: seeds are set by sweep.seeds or seed=…, not by a row")
    if parsed.key_or_group.startswith("hydra"):
        raise UserError(f"row {row!r}: {text} is about Hydra, not about a run")
    if root_of(parsed) == "paths":
        raise UserError(f"row {row!r}: {text}: where files are written is set on the command line, not by a row")
    return text


def refuse_conflicts(rows: Mapping[str, Sequence[str]], keys: Sequence[str]) -> None:
    """Refuse a command-line override of what some row sets, or of a key inside it: that row would train something
    other than its name. A group may be chosen for rows that set keys inside it: they still do.
    """
    for name, overrides in rows.items():
        for text in overrides:
            row_key = key_of(parse_override(text))
            for key in keys:
                if key == row_key or key.startswith(f"{row_key}."):
                    raise UserError(
                        f"{key} is set by row {name!r} ({text}) and cannot be overridden for the whole ablation; "
                        f"edit the rows: \"+ablation.rows.NEW=['key=value']\" adds one, "
                        f"'~ablation.rows.{name}' removes this one"
                    )


def refuse_unread(config: Mapping[str, Any], overrides: Iterable[str]) -> None:
    """Refuse overrides that choose or set what a training of one's own, or a network that a library builds, does not
    read: they would be silently off.
    """
    if not trains_itself(config):
        unread = unread_axes(config)
        if wrong := [text for text in overrides if root_of(parse_override(text)) in unread]:
            raise UserError(
                f"{wrong[0]}: model={config['model']['option']} builds its own norms and activations and draws its own "
                f"initial weights; of init it reads {', '.join(READ_INIT)}"
            )
        return
    task, read = task_option(config), TRAINS_ITSELF[task_option(config)]
    for text in overrides:
        key = key_of(parse_override(text))
        axis, _, inner = key.partition(".")
        if axis == "trainer" and (not inner or inner in (*read, *ABOUT_PLACE_IN["trainer"])):
            continue
        if axis == "trainer":
            raise UserError(f"{text}: task={task.lower()} reads of trainer only {', '.join(sorted(read))}")
        if axis_of(axis) in UNREAD:
            raise UserError(
                f"{text}: task={task.lower()} trains by itself and reads no {axis}; its own keys are task.…, such as "
                f"task.{'function' if task == 'Function' else 'module'}.KEY"
            )


def refuse_equal(cells: Iterable[Cell]) -> None:
    """Refuse rows of a sweep that a training of one's own could not tell apart: what is swept would be silently off."""
    rows: dict[str, str] = {}
    for cell in cells:
        if trains_itself(cell.config) and (one := rows.setdefault(cell.id, cell.row)) != cell.row:
            raise UserError(
                f"{one} and {cell.row} would be one training: it reads nothing in which they differ; its own keys are "
                "task.…, such as +task.function.KEY=a,b"
            )


def refuse_beside_match(match: Any, fixed: Sequence[str], swept: Sequence[str], tune: Any) -> None:
    """Refuse what a command line asks beside `ablation.match`: a keep_prob, or tuning (`sweep.tune`)."""
    if match is None:
        return
    for key in (*fixed, *swept):
        if re.fullmatch(r"regularizer(_\d+)?\.keep_prob", key):
            raise UserError(f"{key} is solved by ablation.match and cannot be set; set ablation.match.dose")
    if tune is not None:
        raise UserError(
            "sweep.tune would choose settings of other doses than ablation.match solved; use one of the two"
        )


def without_claims_about_removed(overrides: Sequence[Override], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an ablation asks without claims about rows that overrides take out; the table names them."""
    taken = [key_of(each) for each in overrides if each.is_delete()]
    removed = [key.removeprefix("ablation.rows.") for key in taken if key.startswith("ablation.rows.")]
    stated = about.get("claims")
    if not removed or not isinstance(stated, list):
        return dict(about)
    return {**about, "claims": [each for each in stated if not any(row in str(each) for row in removed)]}


def check_questions(about: Mapping[str, Any], rows: Mapping[str, Sequence[str]]) -> None:
    """Refuse claims, contrasts, … of an ablation that its rows could not answer, and keys that nothing reads."""
    keys = [*DESCRIBED, *asking_keys()]
    if unread := [key for key in about if key not in keys]:
        near = did_you_mean(unread[0], keys)
        raise UserError(f"nothing reads ablation.{unread[0]}{near}; keys of ablation: {', '.join(sorted(keys))}")
    with hydra_context():
        claims.parse_claims(about.get("claims") or [], rows, group_options("evaluate"))
    for key, limit in RULES.items():
        if about.get(key) is not None:
            checks.number(f"ablation.{key}", about[key], above=0, below=limit, error=UserError)
    question.check_questions(about, rows)


def headline_metric(metric: Any, task: TaskDescription) -> str:
    """Return the metric that the table compares: a headline of the task, its default if none is named."""
    if metric is not None:
        checks.one_of("report.metric", metric, tuple(task.headlines), error=UserError)
    return metric or next(iter(task.headlines))
