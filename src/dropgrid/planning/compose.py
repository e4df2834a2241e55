"""What the planner needs of Hydra: a search path, composed configs, groups and their options."""

import hashlib
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from dropgrid.errors import UserError, did_you_mean
from dropgrid.instantiate import ROOMS, axis_of
from dropgrid.paths import CONF, untilde
from dropgrid.planning import policy
from dropgrid.planning.command_line import CommandLine
from dropgrid.planning.overrides import key_of, parse_overrides, root_of, texts_of

PATHS = {"paths": ("outputs", "cache"), "data": ("root",), "init": ("path",)}
"""Keys that hold paths, which may begin with ~; `data` and `init` may leave theirs open."""


KEYED = {"sweep": "seeds=5", "report": "metric=test/acc_best", "paths": "outputs=DIR"}
"""Nodes beside the axes, and an example of what is set there."""

MAY_BE_NONE = ("scale", "speed", "diagnosis", "evaluate", "diagnose")
"""Config groups of which none may be chosen."""

ENVIRONMENT = "DROPGRID_"
"""How the variables begin that a defaults list may interpolate."""

MOST = 2**63 - 1
"""The largest whole number that torch takes."""


@contextmanager
def hydra_context(line: CommandLine | None = None) -> Iterator[None]:
    """Provide Hydra's search path: the running program's, or the project's own if none runs (tests, reports), with
    the folder that a command line adds.
    """
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if line is not None:
            loader: Any = GlobalHydra.instance().config_loader()
            loader.repository.initialize_sources(policy.search_path(line.options.config_dir))
        yield


def launcher_config(overrides: Sequence[Override]) -> dict[str, Any]:
    """Return the launcher's config that a command's overrides choose, its interpolations as they stand."""
    with hydra_context():
        about_hydra = [each for each in overrides if each.key_or_group.startswith("hydra")]
        found: Any = composed(texts_of(about_hydra)).hydra.launcher
    return OmegaConf.to_container(found, resolve=False)  # type: ignore[return-value]


class Composer:
    """Configs as `hydra.compose` makes them, if many differ in values alone: the YAML files that the options of
    groups name are read and merged once for each choice of options.

    Hydra too applies values after the groups, in their order; it is its own function that does.
    """

    def __init__(self) -> None:
        self.chosen: dict[tuple[str, ...], DictConfig] = {}
        self.pickled: dict[tuple[str, ...], bytes] = {}
        self.is_group = cache(lambda name: bool(group_options(name)))  # lists a folder of each search path
        self.choices: dict[tuple[str, ...], dict[str, Any]] = {}

    @cached_property
    def default(self) -> DictConfig:
        """The default run's config."""
        return composed([])

    def compose(self, texts: Sequence[str]) -> DictConfig:
        """Return the config of some overrides."""
        names, values = self.divided(texts)
        self.of_options(names)
        config: DictConfig = pickle.loads(self.pickled[names])  # a fifth of what deepcopy takes
        try:
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
        except ValueError as error:  # of a key inside an option that is a list
            raise HydraException(str(error)) from error
        self.refuse_unread(config)
        return config

    def refuse_unread(self, config: DictConfig) -> None:
        """Refuse what a YAML file or a `+key` adds where nothing reads it: it would be silently off.

        That is a new key beside the axes, unless an interpolation names it, and one in `sweep`, `report` or `paths`.
        """
        for key in map(str, config):
            known = key in self.default or self.is_group(axis_of(key)) or key == "ablation"
            if not known and f"${{{key}" not in OmegaConf.to_yaml(config):
                words = [*map(str, self.default), *(f"task.{each}" for each in ("function", "module", "datamodule"))]
                raise UserError(f"nothing reads the key {key}{did_you_mean(key, words)}; keys of a run: --cfg job")
        for section in ("sweep", "sweep.checkpoint", "report", "paths"):
            node, keys = OmegaConf.select(config, section), [*map(str, OmegaConf.select(self.default, section))]
            if isinstance(node, DictConfig) and (added := [key for key in map(str, node) if key not in keys]):
                near = did_you_mean(added[0], keys)
                raise UserError(f"nothing reads {section}.{added[0]}{near}; keys of {section}: {', '.join(keys)}")

    def divided(self, texts: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
        """Return the overrides that choose options of groups, as texts, and those that give values."""
        overrides = parse_overrides(texts)
        values = [each for each in overrides if not self.is_group(each.key_or_group) and root_of(each) != "hydra"]
        return tuple(texts_of([each for each in overrides if each not in values])), values

    def of_options(self, names: tuple[str, ...]) -> DictConfig:
        """Return the config of some options of groups, no value overridden."""
        if names not in self.chosen:
            found = composed(names) if names else self.default
            self.choices[names] = dict(found.hydra.runtime.choices)
            self.chosen[names] = policy.checked_config(found, self.default)
            OmegaConf.set_struct(self.chosen[names], True)  # an unknown key is an error, as Hydra made it
            self.pickled[names] = pickle.dumps(self.chosen[names])
        return self.chosen[names]

    def lacking(self, texts: Sequence[str]) -> dict[str, str]:
        """Return the overrides that give a value to a key which the options chosen beside them do not define, each
        with the option that its axis has instead.
        """
        names, values = self.divided(texts)
        config: Any = OmegaConf.to_container(self.of_options(names))
        added = {key_of(each) for each in values if each.is_add() or each.is_force_add()}
        lacking = [
            each
            for each in values
            if not (each.is_add() or each.is_force_add() or each.is_delete())
            and not has_key(config, key_of(each))
            and not any(f"{key_of(each)}.".startswith(f"{key}.") for key in added)
        ]
        return {str(each.input_line): self.option(names, root_of(each)) for each in lacking}

    def option(self, names: tuple[str, ...], axis: str) -> str:
        """Return `regularizer=none`: an axis and its option, where options of some names are chosen."""
        found = next((self.choices[names][key] for key in self.choices[names] if key.rpartition("@")[2] == axis), None)
        return f"{axis}={found}"


def shared_composer() -> Composer:
    """Return the composer of the YAML files that Hydra finds now; the one returned before, if none has changed."""
    digest = hashlib.sha256()
    for source in GlobalHydra.instance().config_loader().get_sources():
        digest.update(repr((source.scheme(), source.path)).encode())
        for path in sorted(policy.yaml_files(Path(source.path))) if source.scheme() == "file" else ():
            with suppress(OSError):  # of a file that cannot be read, Hydra says so if it is chosen
                digest.update(repr((str(path), path.read_bytes())).encode())
    digest.update(repr(sorted(each for each in os.environ.items() if each[0].startswith(ENVIRONMENT))).encode())
    return composer_of(digest.hexdigest())


@lru_cache(maxsize=8)
def composer_of(digest: str) -> Composer:
    """Return the composer of YAML files whose paths and content have a digest."""
    return Composer()


def has_key(node: Any, key: str) -> bool:
    """Predicate: a nested dict has a dotted key; Hydra says what is wrong with one inside of what is no dict."""
    for part in key.split("."):
        if not isinstance(node, dict):
            return node is not None
        by_name = {str(name): value for name, value in node.items()}
        if part not in by_name:
            return False
        node = by_name[part]
    return True


def composed(lines: Sequence[str]) -> DictConfig:
    """Return Hydra's config of some overrides, its own node in it; all that it refuses is a HydraException."""
    try:
        return compose("train", overrides=list(lines), return_hydra_config=True)
    except ValueError as error:  # of a group's option that is a number
        raise HydraException(str(error)) from error


def resolved_config(config: DictConfig) -> dict[str, Any]:
    """Return a composed config, resolved, as a dict; UserError if it reaches for what is not its own."""
    config = policy.checked_config(config)
    resolved: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    for key, value in policy.values_of(resolved):
        if isinstance(value, int) and abs(value) > MOST:
            raise UserError(f"{key}={value} is larger than any number that training takes")
    refuse_values_for_nodes(resolved)
    write_paths(resolved)
    write_paths(resolved.get("evaluate"), "evaluate.")
    return {"scale": None, **resolved}


def refuse_values_for_nodes(resolved: Mapping[str, Any]) -> None:
    """Raise UserError for a value in the place of a node: of an axis, of `sweep`, `report` or `paths`."""
    for key, node in resolved.items():
        axis = axis_of(key)
        if isinstance(node, dict) or (node is None and (axis in MAY_BE_NONE or key != axis)):
            continue
        if key in KEYED:
            raise UserError(f"{key} has keys, as in {key}.{KEYED[key]}, got {key}={node}")
        if axis in (*ROOMS, *MAY_BE_NONE):
            raise UserError(f"{key} must be one of its options, got {node!r}; a YAML chooses one in its defaults list")


def write_paths(node: Any, prefix: str = "") -> None:
    """Write the home folder for the ~ of a node's `PATHS`; UserError for a path that is not a text."""
    axes = {axis: node[axis] for axis in PATHS if isinstance(node.get(axis), dict)} if isinstance(node, dict) else {}
    for axis, within in axes.items():
        for key in PATHS[axis]:
            path = within.get(key)
            if isinstance(path, str):
                within[key] = untilde(path)
            elif path is not None or (axis == "paths" and key in within):
                instead = f"; write ./{path}" if isinstance(path, int | float) else ""
                raise UserError(f"{prefix}{axis}.{key} must be a path, got {path!r}{instead}")


def config_groups() -> list[str]:
    """Return the config groups that a run chooses from."""
    found = GlobalHydra.instance().config_loader().get_group_options("", ObjectType.GROUP)
    return [group for group in found if group != "hydra"]


def group_options(group: str) -> list[str]:
    """Return a config group's options; none for what is no group."""
    if "." in group:
        return []
    return list(GlobalHydra.instance().config_loader().get_group_options(group, ObjectType.CONFIG))
