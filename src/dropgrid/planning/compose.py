"""What the planner needs of Hydra: a search path, overrides as objects, groups and their options."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from math import inf
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, RangeSweep, Transformer
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from dropgrid.errors import UserError
from dropgrid.paths import CONF, untilde
from dropgrid.planning import policy

MOST = 10_000
"""Values of a key, and cells of a sweep."""

PATHS = {"paths": ("outputs", "cache"), "data": ("root",), "init": ("path",)}
"""Keys that hold paths, which may begin with ~."""


@contextmanager
def hydra_context() -> Iterator[None]:
    """Hydra's search path: the running program's, or the project's own where nothing runs (tests, reports)."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def launcher(overrides: Sequence[str]) -> dict[str, Any]:
    """The launcher's config in a command's overrides, its interpolations as they stand."""
    with hydra_context():
        chosen = [each for each in overrides if parse(each).key_or_group.startswith("hydra")]
        found: Any = compose("train", overrides=chosen, return_hydra_config=True).hydra.launcher
    return OmegaConf.to_container(found, resolve=False)  # type: ignore[return-value]


class Composer:
    """Configs as `hydra.compose` makes them, where many differ in values alone: the YAML files that the options of
    groups name are read and merged once for each choice of options.

    Hydra too applies values after the groups, in their order; it is its own function that does.
    """

    def __init__(self) -> None:
        self.chosen: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, lines: Sequence[str]) -> DictConfig:
        """The config of some overrides."""
        parsed = [parse(line) for line in lines]
        values = [each for each in parsed if not options(each.key_or_group) and root_of(each) != "hydra"]
        names = tuple(str(each.input_line) for each in parsed if each not in values)
        if names not in self.chosen:
            self.chosen[names] = policy.checked(composed(names))
            OmegaConf.set_struct(self.chosen[names], True)  # an unknown key is an error, as Hydra made it
        config = deepcopy(self.chosen[names])
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        return config


def composed(lines: Sequence[str]) -> DictConfig:
    """Hydra's config of some overrides, its own node in it; all that it refuses is a HydraException."""
    try:
        return compose("train", overrides=list(lines), return_hydra_config=True)
    except ValueError as error:  # of a group's option that is a number
        raise HydraException(str(error)) from error


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed config, resolved, as a dict; UserError where it reaches for what is not its own."""
    config = policy.checked(config)
    resolved: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    for axis, keys in PATHS.items():
        node = resolved.get(axis) or {}
        node.update({key: untilde(node[key]) for key in keys if isinstance(node.get(key), str)})
    return {"scale": None, **resolved}


def parse(text: str) -> Override:
    """One override; inside a Hydra context, so that glob(…) finds a group's options."""
    found = OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides([text])[0]
    if found.is_range_sweep():
        value = found.value()
        assert isinstance(value, RangeSweep)
        start, stop, step = (float(each or 0) for each in (value.start, value.stop, value.step))
        bounded(abs(stop - start) / abs(step) if step else inf, text)
    return found


def bounded(count: float, what: str) -> None:
    """UserError for more of something than any sweep has: it would be listed for ever."""
    if not count <= MOST:
        raise UserError(f"{what} is more than {MOST:,}")


def key_of(override: Override) -> str:
    """The key that an override sets: `+regularizer@regularizer_2=x` sets regularizer_2."""
    return str(override.package or override.key_or_group)


def root_of(override: Override) -> str:
    """The first part of that key: the axis, or `sweep`, `paths`, `hydra`, …"""
    return re.split("[./]", key_of(override), maxsplit=1)[0]


def choices(override: Override) -> list[str]:
    """The values of a sweep override, in order; of a plain one its single value."""
    if not override.is_sweep_override():
        return ["" if override.is_delete() else override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line} is an interval: name its values, as in key=1,2,3 or key=range(1,4)")
    values = [str(each) for each in override.sweep_iterator(transformer=written)]
    twice = next((each for each in values if values.count(each) > 1), None)
    if twice is not None:
        raise UserError(f"{override.input_line} names {twice} twice")
    return values


def written(value: Any) -> str:
    """A value of a sweep as the command line has it alone: with quotes, which Hydra drops, where it needs them."""
    if not isinstance(value, str):
        return str(Transformer.str(value))
    try:
        alone = OverridesParser.create().parse_override(f"key={value}").value()
    except HydraException:
        alone = None
    return value if alone == value else QuotedString(value, Quote.double).with_quotes()


def settled(override: Override) -> Override:
    """A sweep of one value as the plain override that it is."""
    if not override.is_sweep_override():
        return override
    return parse(f"{override.get_key_element()}={choices(override)[0]}")


def groups() -> list[str]:
    """The config groups that a run chooses from."""
    found = GlobalHydra.instance().config_loader().get_group_options("", ObjectType.GROUP)
    return [group for group in found if group != "hydra"]


def options(group: str) -> list[str]:
    """A config group's options; empty for what is no group."""
    if "." in group:
        return []
    return list(GlobalHydra.instance().config_loader().get_group_options(group, ObjectType.CONFIG))
