"""The logger of Weights & Biases, which shows a copy of the local files."""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dropgrid.loggers.logger import AbstractLogger, Masks
from dropgrid.printable import printable
from dropgrid.store.layout import RunFolder

Mode = Literal["online", "offline"]

Membership = tuple[str, str]
"""An ablation, and the row that a cell belongs to in it."""

FLUSHED = 2
"""Seconds between writes of the offline file: a killed run loses what it logged since the last one."""


class Wandb(AbstractLogger):
    """Logs each cell as one W&B run with the cell's id, so a retry or a late sync never creates a second run.

    Group and job type are the ablation and row that first trained the cell. Membership in any is by the tags
    `ablation:NAME` and `row:NAME/ROW` and by the config's `rows.NAME`, of which charts make groups. Without an API key
    (WANDB_API_KEY or a netrc entry) and with no WANDB_MODE set the run is written offline into `<outputs>/wandb`;
    it never prompts. A failed cell ends as a failed run. A service that cannot be reached, refuses or hangs costs at
    most `timeout` seconds at the beginning and at the end, and never the training. Rows that the service already has
    are not sent again; each offline run holds all rows, including those before a checkpoint.

    Args:
        folder: the cell's.
        cell: id, name, ablation, row and config; `also`: the memberships beyond the first, if known.
        project, entity: at the service; entity None is the user's default.
        mode: None follows the environment.
        timeout: seconds.
        weights: whether a finished cell's weights become an artifact, `weights-<id>`.
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
        weights: bool,
    ):
        import wandb

        member = [(cell["ablation"], cell["row"]), *cell.get("also", ())]
        about: dict[str, Any] = {
            "id": cell["id"],
            "name": printable(cell["name"]),
            "project": project,
            "entity": entity,
            "group": short_tag(cell["ablation"]),
            "job_type": short_tag(cell["row"]),
            "tags": membership_tags(member),
            "config": {**cell["config"], "rows": rows_config(member)},
            "dir": str(RunFolder(folder).outputs.root),
            "resume": "allow",
        }
        settings = wandb.Settings(
            console="off",
            silent=True,
            x_disable_meta=True,  # command line, folders, host and e-mail address; the config says what trained
            init_timeout=timeout,
            finish_timeout=timeout,
            finish_timeout_raises=False,
            x_transaction_log_flush_interval=FLUSHED,
        )
        chosen = mode or (None if os.environ.get("WANDB_MODE") or has_key() else "offline")
        self.folder, self.weights, self.failed = folder, weights, False
        try:
            self.run = wandb.init(**about, mode=chosen, settings=settings)
        except Exception as error:  # whatever it is, the local files are complete and can be sent later
            print(f"W&B: {first_line(error)}; this run is written offline, into {about['dir']}/wandb", flush=True)
            wandb.teardown()  # its process still holds the id
            self.run = wandb.init(**about, mode="offline", settings=settings)
        self.quietly(lambda: self.run.define_metric("*", step_metric="step"))

    @property
    def complete(self) -> bool:
        """Predicate: the run at the service has ended, with the summary of a finished cell."""
        return bool(self.run.resumed) and self.run.summary.get("epochs") is not None

    def leave(self) -> None:
        """Close a complete run without change."""
        self.quietly(lambda: self.run.finish(exit_code=0))

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:
            self.log(row)

    def log(self, row: Mapping[str, float]) -> None:
        step = int(row["step"])
        if step >= self.run.starting_step:  # the service has those before
            self.quietly(lambda: self.run.log(dict(row), step=step))

    def image(self, name: str, png: bytes) -> None:
        import wandb
        from PIL import Image

        self.quietly(lambda: self.run.log({name: wandb.Image(Image.open(io.BytesIO(png)))}))

    def masks(self, shown: Masks) -> None:
        import wandb

        names = dict(enumerate(shown.classes))

        def drawn(index: int) -> Any:
            layers = {"truth": shown.wanted[index], "predicted": shown.predicted[index]}
            image = np.moveaxis(shown.images[index], 0, -1)
            image = image[..., 0] if image.shape[-1] == 1 else image
            masks = {name: {"mask_data": mask, "class_labels": names} for name, mask in layers.items()}
            return wandb.Image(image, masks=masks)

        self.quietly(lambda: self.run.log({"predictions/test_images": [drawn(i) for i in range(len(shown.images))]}))

    def close(self, summary: Mapping[str, Any] | None) -> None:
        self.quietly(lambda: self.run.summary.update(dict(summary or {})))
        if self.weights and summary is not None:
            self.quietly(self.send_weights)
        self.quietly(lambda: self.run.finish(exit_code=1 if summary is None else 0))

    def send_weights(self) -> None:
        """Send the last and the best weights as one artifact."""
        import wandb

        artifact = wandb.Artifact(f"weights-{self.run.id}", type="model")
        for name in ("last", "best"):
            artifact.add_file(str(RunFolder(self.folder).weights(name)))
        self.run.log_artifact(artifact)

    def quietly(self, send: Callable[[], object]) -> None:
        """Send, or print once why that failed: no error of W&B ends a training."""
        try:
            send()
        except Exception as error:
            if not self.failed:
                print(f"W&B: {first_line(error)}; training goes on", flush=True)
            self.failed = True


def membership_tags(member: Sequence[Membership]) -> list[str]:
    """Return the tags of a cell's memberships."""
    return list(dict.fromkeys(tag for one, row in member for tag in (ablation_tag(one), short_tag(f"row:{one}/{row}"))))


def ablation_tag(name: str) -> str:
    """Return the tag of all cells of an ablation."""
    return short_tag(f"ablation:{name}")


def rows_config(member: Sequence[Membership]) -> dict[str, str]:
    """Return ablation -> row of a cell's memberships, for the config, by whose keys charts group."""
    return {rows_key(one): printable(row) for one, row in reversed(member)}


def rows_key(ablation: str) -> str:
    """Return an ablation's key in `rows`; W&B reads a dot as nesting."""
    return printable(ablation).replace(".", "_")


def first_line(error: Exception) -> str:
    """Return an error's first line, or its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def short_tag(text: str) -> str:
    """Shorten a text to the 64 characters of a W&B tag: its beginning and a hash of all of it."""
    text = printable(text)
    return text if len(text) <= 64 else f"{text[:55]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def has_key() -> bool:
    """Predicate: W&B finds an API key without prompting."""
    import wandb

    with contextlib.redirect_stderr(io.StringIO()):  # it prints where it found one
        return bool(wandb.login(prompt=False, verify=False))
