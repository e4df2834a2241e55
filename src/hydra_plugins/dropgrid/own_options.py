"""A user's own options: every command searches the config groups of the folder that DROPGRID_CONF names."""

import os
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from dropgrid.errors import UserError
from dropgrid.paths import CONF, untilde

VARIABLE = "DROPGRID_CONF"


class OwnOptions(SearchPathPlugin):
    """Adds the folder's YAML files to dropgrid's, without replacing any of them."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        named = os.environ.get(VARIABLE)
        if not named:
            return
        folder = Path(untilde(named)).absolute()
        if not folder.is_dir():
            raise UserError(
                f"{VARIABLE}={named} is not a folder; it must hold groups of options, such as regularizer/mine.yaml"
            )
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            if (CONF / name).exists() and not (CONF / name).samefile(path):
                raise UserError(f"{VARIABLE}={named} has {name}, which dropgrid has as well; give it another name")
        search_path.append(provider=VARIABLE, path=f"file://{folder}")
