"""Hydra parses the text of a YAML file once a process: a composition reads about 30 files, most of them those of the
last one.

The files themselves are read each time, so an edited one is parsed anew. Hydra executes this module after its own
config sources, whose name for OmegaConf it replaces.
"""

import pickle
from typing import IO, Any

from hydra._internal.core_plugins import file_config_source, importlib_resources_config_source
from omegaconf import OmegaConf

PARSED: dict[str | bytes, bytes] = {}
"""Text of a YAML file -> its config, pickled: to load that takes a twentieth of parsing the text."""


class ParsedOnce(OmegaConf):
    """OmegaConf as a config source uses it."""

    @staticmethod
    def load(file_: IO[Any]) -> Any:  # type: ignore[override]
        """Return the config of an open YAML file."""
        text = file_.read()
        if text not in PARSED:
            file_.seek(0)
            PARSED[text] = pickle.dumps(OmegaConf.load(file_))  # of the file, which an error names
        return pickle.loads(PARSED[text])


for source in (file_config_source, importlib_resources_config_source):
    source.OmegaConf = ParsedOnce  # type: ignore[attr-defined]
