"""What configs take from the content of what cells read, data and files of weights; each is read once a plan."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dropgrid.errors import UserError


class Fingerprints:
    """Fills the fingerprints into configs: a cell is its content, wherever it lies."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def fill(self, config: dict[str, Any], local: Mapping[str, Any]) -> None:
        """Those of the data, and of the file of an `init.path`; and how many images a `data.batch_size=all` has."""
        from dropgrid import build  # torch: not for a command that is wrong

        if config["data"]["batch_size"] == "all":
            with users_mistake("data: "):
                config["data"]["batch_size"] = build.source(config, local).spec().train
        key = json.dumps([config["data"], local["data"]], sort_keys=True)
        config["data"]["fingerprint"] = self.once(key, "data: ", lambda: build.source(config, local).fingerprint())
        path = local["init"].get("path")
        if path:
            from dropgrid.initializers.checkpoint import fingerprint_of

            config["init"]["fingerprint"] = self.once(path, "", lambda: fingerprint_of(path))

    def once(self, key: str, where: str, read: Callable[[], str]) -> str:
        """What was read under that key."""
        if key not in self.found:
            with users_mistake(where):
                self.found[key] = read()
        return self.found[key]


@contextmanager
def users_mistake(where: str) -> Iterator[None]:
    """What cannot be read is a line for the user."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{where}{error}") from error
