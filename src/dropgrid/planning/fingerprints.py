"""Fingerprints of the data and weight files that cells read, each read once a plan."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dropgrid.errors import UserError


class Fingerprints:
    """Fingerprints for configs: a cell is defined by the content of what it reads, not by its place."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def add_fingerprints(self, config: dict[str, Any], local: Mapping[str, Any]) -> None:
        """Add the fingerprints of the data and of the file of `init.path`, and the size of `data.batch_size=all`."""
        from dropgrid import build  # torch: not for a command that is wrong

        if config["data"]["batch_size"] == "all":
            with as_user_error("data: "):
                config["data"]["batch_size"] = build.source(config, local).spec().train
        key = json.dumps([config["data"], local["data"]], sort_keys=True)
        config["data"]["fingerprint"] = self.read_once(key, "data: ", lambda: build.source(config, local).fingerprint())
        path = local["init"].get("path")
        if path:
            from dropgrid.initializers.checkpoint import fingerprint_of

            config["init"]["fingerprint"] = self.read_once(path, "", lambda: fingerprint_of(path))

    def read_once(self, key: str, where: str, read: Callable[[], str]) -> str:
        """Return the fingerprint of a key, read if it is the first time."""
        if key not in self.found:
            with as_user_error(where):
                self.found[key] = read()
        return self.found[key]


@contextmanager
def as_user_error(where: str) -> Iterator[None]:
    """Turn a ValueError into a UserError that says what was being read."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{where}{error}") from error
