"""Fingerprints of the data and weight files that cells read, each read once a plan."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dropgrid.errors import UserError
from dropgrid.tasks.description import trains_itself

if TYPE_CHECKING:
    from dropgrid.data.source import AbstractSource


class Fingerprints:
    """Fingerprints for configs: a cell is defined by the content of what it reads, not by its place."""

    def __init__(self) -> None:
        self.sources: dict[str, AbstractSource] = {}
        self.weights: dict[str, str] = {}

    def add_fingerprints(self, config: dict[str, Any], local: Mapping[str, Any]) -> None:
        """Add the fingerprints of the data and of the file of `init.path`, and the size of `data.batch_size=all`."""
        if trains_itself(config):  # its code knows what it reads
            return
        from dropgrid import build  # torch: not for a command that is wrong

        key = json.dumps([config["data"], local["data"]], sort_keys=True)
        with as_user_error("data: "):
            if key not in self.sources:
                self.sources[key] = build.source(config, local)
            source = self.sources[key]  # which lists and reads its files once
            config["data"]["fingerprint"] = source.fingerprint()
            if config["data"]["batch_size"] == "all":
                config["data"]["batch_size"] = source.spec().train
        path = local["init"].get("path")
        if path:
            from dropgrid.initializers.checkpoint import fingerprint_of

            if path not in self.weights:
                with as_user_error(""):
                    self.weights[path] = fingerprint_of(path)
            config["init"]["fingerprint"] = self.weights[path]


@contextmanager
def as_user_error(where: str) -> Iterator[None]:
    """Turn a ValueError into a UserError that says what was being read."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{where}{error}") from error
