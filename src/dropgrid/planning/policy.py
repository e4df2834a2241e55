"""What a composed config may reach beside training: nothing.

Hydra itself calls what `hydra.callbacks` names, sets the environment, opens logs and makes folders as configured;
OmegaConf's resolvers read the environment. A config may come from anywhere, so all of that is refused but what a run
needs: `${key}`, and `${oc.env:DROPGRID_…}`. A launcher may run commands on the machines that it asks for: it is set on
the command line, or by an option hydra/launcher in the user's own folder (DROPGRID_CONF), never by another file.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from dropgrid import instantiate
from dropgrid.errors import UserError, one_line
from dropgrid.paths import CONF
from dropgrid.planning.command_line import CommandLine
from dropgrid.store.files import parse_yaml

INTERPOLATION = re.compile(r"\$\{\s*(?:[^${}:]*\}|oc\.env:\s*DROPGRID_\w*\s*[,}])")
"""An interpolation that is allowed: it names a key, or a variable of ours."""

NO_LOGGING: Mapping[str, Any] = {"version": 1, "root": None, "disable_existing_loggers": False}
ALLOWED: Mapping[str, Sequence[Any]] = {
    "callbacks": [{}, None],
    "hydra_logging": [NO_LOGGING],
    "job.chdir": [None, False],
    "job.env_copy": [[]],
    "job.env_set": [{}],
    "job_logging": [NO_LOGGING],
    "output_subdir": [None],
    "run.dir": ["${paths.outputs}"],
    "sweep.dir": ["${paths.outputs}"],
    "sweep.subdir": ["."],
}
"""Keys of `hydra` by which it calls, logs, sets variables or makes folders, and the values that they may have."""

CALLED = ("launcher", "sweeper")
"""Keys of `hydra` whose node Hydra calls: `dropgrid.instantiate` lists which classes they may name."""


def check_command(line: CommandLine) -> None:
    """Compose a command's config as Hydra will, and check it, before Hydra acts upon it."""
    flags = line.options
    if flags.shell_completion:  # its overrides are a query, and nothing is composed to be run
        return
    check_places(flags.config_dir, (flags.config_path, flags.config_name), line.typed)
    places = search_path(flags.config_dir)
    for each in places.get_path():
        check_files(each.path or "")
    config = composed_at(places, line.hydra_overrides)
    if flags.config_dir is not None or line.hydra_overrides != line.about_command:  # else it is what was composed
        check_trusted(config, line)
    checked_config(config)
    node: Any = OmegaConf.to_container(config.hydra)
    for part in CALLED:
        target = node[part].get("_target_") if isinstance(node[part], Mapping) else None
        if target not in Plugins.instance().class_name_to_class:
            raise UserError(f"hydra.{part}._target_={target} is no plugin of Hydra that is installed")


def check_trusted(config: DictConfig, line: CommandLine) -> None:
    """Refuse a config whose launcher, sweeper or paths are others than those of the command line and the user's own
    folder alone.
    """
    try:
        trusted = composed_at(search_path(None), line.about_command)
    except HydraException as error:
        if line.options.config_dir is None:
            raise
        raise UserError(
            f"{' '.join(line.about_hydra)}: options of Hydra are not read from --config-dir, but from the folder that "
            "DROPGRID_CONF names"
        ) from error
    check_called(OmegaConf.to_container(config.hydra), OmegaConf.to_container(trusted.hydra))
    check_written(config, trusted)


def search_path(config_dir: str | None) -> ConfigSearchPath:
    """Return where Hydra searches: our configs, and the folder of --config-dir."""
    places = create_automatic_config_search_path(None, None, str(CONF))
    if config_dir is not None:
        folder = f"file://{Path(config_dir).absolute()}"
        places.prepend(provider="command-line", path=folder, anchor=SearchPathQuery(provider="schema"))
    return places


def composed_at(places: ConfigSearchPath, overrides: Sequence[str]) -> DictConfig:
    """Return Hydra's config of some overrides, as its own run composes it."""
    try:
        hydra = Hydra.create_main_hydra2("train", places)
        return hydra.compose_config("train", [*overrides], RunMode.MULTIRUN, validate_sweep_overrides=False)
    except (ValueError, RecursionError) as error:  # of a group's option that is a number, of a folder that is none
        raise HydraException(str(error)) from error
    finally:
        GlobalHydra.instance().clear()


def checked_config(config: DictConfig, alone: DictConfig | None = None) -> DictConfig:
    """Return the config without Hydra's node; UserError if either reaches for what is not its own.

    `alone` is the config of the overrides that are about Hydra: no other may change what Hydra calls.
    """
    node: Any = OmegaConf.to_container(config)
    hydra = node.pop("hydra", None)
    for key, text in strings_of(node):
        if "${" in INTERPOLATION.sub("", text):
            raise UserError(
                f"{key}: {text!r} is not resolved; of interpolations ${{key}} and ${{oc.env:DROPGRID_…}} are allowed"
            )
        if key.endswith("._target_") and instantiate.axis_of(key) not in instantiate.ROOMS:
            raise UserError(f"{key}={text} is not called: {key.partition('.')[0]} is no axis")
    if hydra is None:
        return config
    if alone is not None:
        check_called(hydra, OmegaConf.to_container(alone.hydra))
        check_written(config, alone)
    check_hydra(hydra)
    return OmegaConf.masked_copy(config, list(node))


def check_called(node: Any, alone: Any) -> None:
    """Refuse a `hydra` node whose launcher or sweeper is another than without the files of the groups."""
    for part in CALLED:
        mine, theirs = (dict(values_of(each[part], f"hydra.{part}")) for each in (alone, node))
        changed = [key for key in {**mine, **theirs} if mine.get(key, ...) != theirs.get(key, ...)]
        if changed:
            key = next((key for key in changed if not isinstance(theirs.get(key), Mapping)), changed[0])
            raise UserError(
                f"{key} is set by a config file: a {part} may run commands, so it is set on the command line, or "
                f"by an option hydra/{part} in the folder that DROPGRID_CONF names"
            )


def check_written(config: DictConfig, alone: DictConfig) -> None:
    """Refuse a config whose `paths`, to which files are written, are others than without the files of the groups."""
    mine, theirs = (OmegaConf.masked_copy(each, "paths") for each in (alone, config))
    if mine != theirs:
        raise UserError(
            f"paths={theirs.get('paths')} is set by a config file: where files are written is set on the command line, "
            "as in paths.outputs=DIR"
        )


def check_files(place: str) -> None:
    """Refuse a folder of a search path with a YAML file that Hydra would misread, or spell out for ever, or whose
    defaults list asks for more than keys."""
    scheme, _, folder = place.rpartition("://")
    for path in yaml_files(Path(folder)) if scheme in ("file", "") else ():
        try:
            text = path.read_text(encoding="utf-8")
            if text.startswith("\ufeff"):
                raise ValueError("it begins with a byte-order mark, which hides `# @package`; save it as plain UTF-8")
            aliases, interpolated = "*" in text and "&" in text, "${" in text and "defaults" in text
            if scheme and (aliases or interpolated):  # in a file that is not ours
                found = parse_yaml(text)
                listed = str(found.get("defaults")) if isinstance(found, Mapping) else ""
                if "${" in INTERPOLATION.sub("", listed):
                    raise ValueError(
                        "of interpolations its defaults list may have ${key} and ${oc.env:DROPGRID_…}, got " + listed
                    )
        except (YAMLError, ValueError, RecursionError) as error:
            raise UserError(f"cannot read {path}: {one_line(error)}") from error


def yaml_files(folder: Path) -> Iterator[Path]:
    """Iterate over the YAML files of a folder, behind links too, as Hydra finds them; each folder once."""
    seen: set[str] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(at, name)) not in seen]
        seen.update(os.path.realpath(os.path.join(at, name)) for name in folders)
        for name in names:
            path = Path(at, name)
            if name.endswith(".yaml") and not name.startswith(".") and path.is_file():  # not an editor's, no pipe
                yield path


def check_hydra(node: Mapping[str, Any]) -> None:
    """Refuse a `hydra` node by which Hydra would call, log or write something."""
    for key, allowed in ALLOWED.items():
        found: Any = node
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found not in allowed:
            raise UserError(
                f"hydra.{key} cannot be set: Hydra would act beside the run; what is written goes to paths.outputs=DIR"
            )
    for part in CALLED:
        for key, value in values_of(node.get(part), f"hydra.{part}"):
            name = key.rpartition(".")[2]
            if key == f"hydra.{part}._target_":
                if not instantiate.is_allowed(part, str(value)):
                    known = ", ".join(instantiate.allowed(part))
                    raise UserError(f"{key}={value} is not called; allowed are {known}")
            elif name.startswith("_") and name.endswith("_"):
                raise UserError(f"{key} cannot be set: Hydra would call or convert what it names")


def check_places(config_dir: str | None, others: Sequence[str | None], overrides: Sequence[str]) -> None:
    """Refuse a command line that would replace train.yaml, or look for configs in Python packages.

    Args:
        config_dir: of --config-dir.
        others: --config-path and --config-name.
    """
    if any(others):
        raise UserError("the default run is conf/train.yaml: --config-dir=FOLDER adds groups and options of your own")
    if config_dir is not None and (Path(config_dir) / "train.yaml").exists():
        raise UserError(f"{config_dir} has a train.yaml, which would replace ours; it may have groups and options")
    for each in overrides:
        if each.lstrip("+~").startswith("hydra.searchpath"):
            raise UserError(f"{each}: a folder of groups and options is named by --config-dir=FOLDER or DROPGRID_CONF")


def strings_of(node: Any) -> Iterator[tuple[str, str]]:
    """Iterate over the strings of nested mappings and lists, each with its dotted key."""
    return ((key, value) for key, value in values_of(node) if isinstance(value, str))


def values_of(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over the values of nested mappings and lists, these too, each with its dotted key."""
    inner = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inner:
        key = f"{prefix}.{name}" if prefix else str(name)
        yield key, value
        yield from values_of(value, key)
