"""A user's mistake in a command or a config file, in one line: what was wrong, what was allowed, what to do."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from hydra import compose
from hydra.core.default_element import ConfigDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from dropgrid.errors import UserError, did_you_mean, one_line
from dropgrid.instantiate import ROOMS, axis_of
from dropgrid.planning.compose import config_groups, group_options, hydra_context
from dropgrid.planning.overrides import key_of, root_of, sweep_elements, unreadable, values_of
from dropgrid.planning.rows import asking_keys

EXTRAS = {"submitit_slurm": "slurm", "ray": "ray"}
"""Launcher -> the extra that installs it."""

NEEDED = {*ROOMS, "seed", "name", "sweep", "report", "paths"} - {"diagnose", "diagnosis", "evaluate"}
"""Keys of train.yaml that no run does without."""

NEAR = 2
"""A new key this close to an existing one is taken for a misspelling of it."""


@contextmanager
def explained(overrides: Sequence[Override] = (), row: str | None = None) -> Iterator[None]:
    """Turn what Hydra raises into a UserError that names the override at fault; inside a Hydra context."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        mistake = explanation(error, overrides)
        raise UserError(f"row {row!r}: {mistake}" if row else str(mistake)) from error


def explanation(error: Exception, overrides: Sequence[Override]) -> UserError:
    """Return what Hydra, OmegaConf or the YAML parser raised as a user's mistake."""
    if isinstance(error, OverrideParseException):
        return unreadable(error.override)
    if isinstance(error, yaml.YAMLError):
        return UserError(one_line(error))
    with hydra_context():
        return UserError(cause(error, overrides))


OPEN = (
    *("ablation.match.", "ablation.rows.", "ablation.tune."),
    *("task.function.", "task.module.", "task.datamodule."),
)
"""Nodes whose keys are the user's own."""


def refuse_accepted_mistakes(overrides: Sequence[Override]) -> None:
    """Refuse what Hydra accepts: a list instead of one option, whose files it merges, a `~key` that every run needs, a
    `+key` that exists, and one that is a misspelling.
    """
    for each in overrides:
        group = each.key_or_group
        values = sweep_elements(each) if each.is_discrete_sweep() else [each.value()]
        value = next((value for value in values if isinstance(value, list)), None)
        if value is not None and group_options(group):
            raise UserError(
                f"{group} takes one option, got a list; stack a second one: {group}={value[0]} "
                f"+{group}@{group}_2={value[1] if len(value) > 1 else 'OPTION'}"
            )
    for each in overrides:
        key, root = key_of(each), root_of(each)
        needed = key == root or (root in ("sweep", "report", "paths") and not key.startswith("sweep.retries."))
        if each.is_delete() and needed and root in NEEDED:
            raise UserError(f"{each.input_line}: a run needs {key}; give it another value, or choose another option")
    added = [
        each for each in overrides if (each.is_add() or each.is_force_add()) and not group_options(each.key_or_group)
    ]
    if not added:
        return
    known = known_keys(overrides)
    may_have = {f"ablation.{key}" for key in asking_keys()}  # no misspellings of keys that an ablation has
    for each in added:
        key = each.key_or_group
        if key in known and not each.is_force_add():
            raise UserError(f"{key} exists already; override it without the +")
        if key in known or key in may_have or key.startswith((*OPEN, "hydra")):
            continue
        near = next((other for other in sorted(known) if distance(key, other) <= min(NEAR, len(key) - 1)), None)
        if near is not None:
            raise UserError(f"+{key} is one slip away from the existing key {near}; did you mean {near}=…?")


def cause(error: Exception, overrides: Sequence[Override]) -> str:
    """Return the override that Hydra stumbled over, with what is allowed; else Hydra's own message."""
    for each in overrides:
        key = each.key_or_group
        extra = EXTRAS.get(values_of(each)[0]) if key == "hydra/launcher" and key in str(error) else None
        if extra:
            return f"{each.input_line} is not installed: pip install 'dropgrid[{extra}]'"
        if key.startswith("hydra"):
            continue
        allowed = group_options(key)
        if each.is_add() and str(error).startswith(f"Multiple values for {key}."):
            line = each.input_line or ""
            return f"{line}: {key} has an option already; choose another without the +: {line[1:]}"
        if allowed and not each.is_delete():
            wrong = next((value for value in values_of(each) if value not in (*allowed, "null")), None)
            if wrong is not None:
                close = did_you_mean(str(wrong), allowed)
                return f"{key} has no option {wrong!r}{close}; options: {', '.join(allowed)}"
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} has no value: set it, on the command line or in a YAML file of your own"
    known = known_keys(overrides)
    words = [*(key for key in known if not key.rpartition(".")[2].startswith("_")), *config_groups()]
    for each in overrides:
        key = each.key_or_group
        if key.startswith("hydra") or group_options(key):
            continue
        if key not in known and not each.is_add():
            group = key.partition(".")[0]
            there = f"there is no key {key!r}{with_option(group, overrides)}"
            axis = f"{group}." if group_options(axis_of(group)) and key != group else ""
            close = did_you_mean(key, [word for word in words if word != group and word.startswith(axis)])
            of_others = options_with(key, near=not close)
            return there + (of_others or f"{close}; a new key is written +{key}=…")
    return one_line(error)


def with_option(group: str, overrides: Sequence[Override]) -> str:
    """Return ` with regularizer=none`: the option of a group that the overrides choose, or train.yaml does."""
    if not group_options(group):
        return ""
    typed = next((",".join(values_of(each)) for each in overrides if each.key_or_group == group), None)
    option = typed or compose("train", return_hydra_config=True).hydra.runtime.choices.get(group)
    return f" with {group}={option}" if option else ""


def options_with(key: str, near: bool) -> str:
    """Return `; block_size is a key of regularizer=dropblock: …`: the options of an axis that define a key, or with
    `near` the closest of their keys; empty if none does.
    """
    axis, _, rest = key.partition(".")
    group = axis_of(axis)
    found: dict[str, list[str]] = {}
    for option in group_options(group):
        for each in option_keys(group, option):
            found.setdefault(each, []).append(option)
    close = difflib.get_close_matches(rest, found, n=1) if near else []
    name = rest if rest in found else next(iter(close), None)
    return f"; {name} is a key of {', '.join(found[name])}: choose one with {axis}=" if name else ""


def option_keys(group: str, option: str) -> set[str]:
    """Return the keys that an option's file sets, and the files that it inherits from; nothing is composed."""
    repository: Any = GlobalHydra.instance().config_loader().repository  # type: ignore[attr-defined]
    try:
        loaded = repository.load_config(f"{group}/{option}")
    except (yaml.YAMLError, ValueError):  # of a file that Hydra cannot read: it has no keys to suggest
        return set()
    keys = {key for key in dotted_keys(OmegaConf.to_container(loaded.config)) if not key.startswith("_")}
    inherited = [each.path for each in loaded.defaults_list or () if isinstance(each, ConfigDefault)]
    return keys.union(*(option_keys(group, each) for each in inherited if each in group_options(group)))


def known_keys(overrides: Sequence[Override]) -> set[str]:
    """Return the keys of the config that the overrides' group choices make; for a swept group, those of each choice."""
    chosen: dict[str, list[str]] = {}
    for each in overrides:
        allowed = group_options(each.key_or_group)
        if allowed and not each.is_delete():
            lines = [f"{each.get_key_element()}={value}" for value in values_of(each) if value in allowed]
            if lines:
                chosen[each.get_key_element()] = lines
    first = {key: lines[0] for key, lines in chosen.items()}
    combinations = [list({**first, key: line}.values()) for key, lines in chosen.items() for line in lines]
    known: set[str] = set()
    for combination in combinations or [[]]:
        try:
            config = compose("train", overrides=combination)
        except (HydraException, OmegaConfBaseException, ValueError):  # that of a file is explained where it is planned
            continue
        known |= set(dotted_keys(OmegaConf.to_container(config)))
    return known


def dotted_keys(node: Any, prefix: str = "") -> Iterator[str]:
    """Iterate over the dotted keys of a nested dict, inner nodes too."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from dotted_keys(value, f"{prefix}{key}.")


def distance(first: str, second: str) -> int:
    """Return Levenshtein's edit distance."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a != b)))
    return row[-1]
