"""Weights & Biases: a view of the local files. The one file that imports wandb."""

import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from dropgrid.loggers.logger import AbstractLogger

Mode = Literal["online", "offline"]


class Wandb(AbstractLogger):
    """One W&B run a cell: its id is the cell's, so a retry or a late sync never makes a second.

    Group and job type are the ablation and row that first trained the cell, membership in any is by tags. Without an
    API key (WANDB_API_KEY or a netrc entry) and with no WANDB_MODE set the run is written offline into
    `<outputs>/wandb`; nothing ever asks. A failed cell ends as a failed run. A service that cannot be reached, refuses
    or hangs costs at most `timeout` seconds at the beginning and at the end, and never the training.
    """

    def __init__(
        self,
        *,
        folder: Path,
        cell: Mapping[str, Any],
        project: str,
        entity: str | None,
        mode: Mode | None,
        timeout: float,
    ):
        import wandb

        about: dict[str, Any] = {
            "id": cell["id"],
            "name": cell["name"],
            "project": project,
            "entity": entity,
            "group": short(cell["ablation"]),
            "job_type": short(cell["row"]),
            "tags": [short(f"ablation:{cell['ablation']}"), short(f"row:{cell['ablation']}/{cell['row']}")],
            "config": dict(cell["config"]),
            "dir": str(folder.parent.parent),
            "resume": "allow",
        }
        settings = wandb.Settings(
            console="off", silent=True, init_timeout=timeout, finish_timeout=timeout, finish_timeout_raises=False
        )
        chosen = mode or (None if os.environ.get("WANDB_MODE") or has_key() else "offline")
        self.failed = False
        try:
            self.run = wandb.init(**about, mode=chosen, settings=settings)
        except Exception as error:  # whatever it is, the files beside are whole and can be sent later
            print(f"W&B: {line(error)}; this run is written offline, into {about['dir']}/wandb", flush=True)
            wandb.teardown()  # its process still holds the id
            self.run = wandb.init(**about, mode="offline", settings=settings)
        self.quietly(lambda: self.run.define_metric("*", step_metric="step"))

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Nothing: the run before has sent them, and what came after the checkpoint is sent again, equal to the bit."""

    def log(self, row: Mapping[str, float]) -> None:
        self.quietly(lambda: self.run.log(dict(row)))

    def picture(self, name: str, png: bytes) -> None:
        import wandb
        from PIL import Image

        self.quietly(lambda: self.run.log({name: wandb.Image(Image.open(io.BytesIO(png)))}))

    def close(self, summary: Mapping[str, Any] | None) -> None:
        for name, value in (summary or {}).items():
            self.quietly(partial(self.run.summary.__setitem__, name, value))
        self.quietly(lambda: self.run.finish(exit_code=1 if summary is None else 0))

    def quietly(self, send: Callable[[], object]) -> None:
        """Send, or say once why not: nothing that W&B does ends a training."""
        try:
            send()
        except Exception as error:
            if not self.failed:
                print(f"W&B: {line(error)}; training goes on", flush=True)
            self.failed = True


def line(error: Exception) -> str:
    """An error's first line, or its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def short(text: str) -> str:
    """At most the 64 characters of a W&B tag; a longer text keeps its beginning and a hash of the whole."""
    return text if len(text) <= 64 else f"{text[:55]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def has_key() -> bool:
    """Whether W&B would find an API key without asking."""
    import wandb

    return bool(wandb.api.api_key)
