"""What the planner needs of Hydra: a search path, composed configs, groups and their options."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from dropgrid.paths import CONF, untilde
from dropgrid.planning import policy
from dropgrid.planning.overrides import parse_overrides, root_of, texts_of

PATHS = {"paths": ("outputs", "cache"), "data": ("root",), "init": ("path",)}
"""Keys that hold paths, which may begin with ~."""


@contextmanager
def hydra_context() -> Iterator[None]:
    """Provide Hydra's search path: the running program's, or the project's own if none runs (tests, reports)."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
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

    def compose(self, texts: Sequence[str]) -> DictConfig:
        """Return the config of some overrides."""
        overrides = parse_overrides(texts)
        values = [each for each in overrides if not group_options(each.key_or_group) and root_of(each) != "hydra"]
        names = tuple(texts_of([each for each in overrides if each not in values]))
        if names not in self.chosen:
            self.chosen[names] = policy.checked_config(composed(names))
            OmegaConf.set_struct(self.chosen[names], True)  # an unknown key is an error, as Hydra made it
        config = deepcopy(self.chosen[names])
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        return config


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
    for axis, keys in PATHS.items():
        node = resolved.get(axis) or {}
        node.update({key: untilde(node[key]) for key in keys if isinstance(node.get(key), str)})
    return {"scale": None, **resolved}


def config_groups() -> list[str]:
    """Return the config groups that a run chooses from."""
    found = GlobalHydra.instance().config_loader().get_group_options("", ObjectType.GROUP)
    return [group for group in found if group != "hydra"]


def group_options(group: str) -> list[str]:
    """Return a config group's options; none for what is no group."""
    if "." in group:
        return []
    return list(GlobalHydra.instance().config_loader().get_group_options(group, ObjectType.CONFIG))
