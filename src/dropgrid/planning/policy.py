"""What a composed config may reach beside training: nothing.

Hydra itself calls what `hydra.callbacks` names, sets the environment, opens logs and makes folders as configured;
OmegaConf's resolvers read the environment. A config may come from anywhere, so all of that is refused but what a run
needs: `${key}`, and `${oc.env:DROPGRID_…}`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from dropgrid.errors import UserError
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

PLUGINS = ("hydra_plugins.", "hydra._internal.core_plugins.")


def check_command(line: CommandLine) -> None:
    """Compose a command's config as Hydra will, and check it, before Hydra acts upon it."""
    flags = line.options
    if flags.shell_completion:  # its overrides are a query, and nothing is composed to be run
        return
    check_places(flags.config_dir, (flags.config_path, flags.config_name), line.typed)
    places = create_automatic_config_search_path(None, None, str(CONF))
    if flags.config_dir is not None:
        folder = f"file://{Path(flags.config_dir).absolute()}"
        places.prepend(provider="command-line", path=folder, anchor=SearchPathQuery(provider="schema"))
    try:
        for each in places.get_path():
            check_files(each.path or "")
        hydra = Hydra.create_main_hydra2("train", places)
        config = hydra.compose_config("train", line.hydra_overrides, RunMode.MULTIRUN, validate_sweep_overrides=False)
        checked_config(config)
    except (ValueError, RecursionError) as error:  # of a group's option that is a number, of a folder that is none
        raise HydraException(str(error)) from error
    finally:
        GlobalHydra.instance().clear()


def checked_config(config: DictConfig) -> DictConfig:
    """Return the config without Hydra's node; UserError if either reaches for what is not its own."""
    node: Any = OmegaConf.to_container(config)
    hydra = node.pop("hydra", None)
    for key, text in strings_of(node):
        if "${" in INTERPOLATION.sub("", text):
            raise UserError(
                f"{key}: {text!r} is not resolved; of interpolations ${{key}} and ${{oc.env:DROPGRID_…}} are allowed"
            )
    if hydra is None:
        return config
    check_hydra(hydra)
    return OmegaConf.masked_copy(config, list(node))


def check_files(place: str) -> None:
    """Refuse a folder of a search path with a YAML file that Hydra would spell out for ever."""
    scheme, _, folder = place.partition("://")
    for path in Path(folder).rglob("*.yaml") if scheme == "file" else ():
        if path.name.startswith(".") or not path.is_file():  # an editor's, a pipe
            continue
        try:
            text = path.read_text(encoding="utf-8")
            if "*" in text and "&" in text:  # aliases
                parse_yaml(text)
        except (YAMLError, ValueError, RecursionError) as error:
            raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error


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
    for part in ("launcher", "sweeper"):
        for key, target in strings_of(node.get(part) or {}, f"hydra.{part}."):
            if key.endswith("._target_") and not target.startswith(PLUGINS):
                raise UserError(f"{key}={target} is not called; a plugin lies in {' or '.join(PLUGINS)}")


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
        if "hydra.searchpath" in each and "pkg://" in each.lower():
            raise UserError(f"{each}: a folder of configs is file://FOLDER; Python packages are not searched")


def strings_of(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Iterate over the strings of nested mappings and lists, each with its dotted key."""
    if isinstance(node, str):
        yield prefix.rstrip("."), node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from strings_of(value, f"{prefix}{key}.")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from strings_of(value, f"{prefix}{index}.")
