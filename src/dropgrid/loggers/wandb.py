"""Weights & Biases: a view of the local files."""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from dropgrid.loggers.logger import AbstractLogger
from dropgrid.store.layout import RunFolder

Mode = Literal["online", "offline"]

Membership = tuple[str, str]
"""An ablation, and the row of it that a cell belongs to."""

FLUSHED = 2
"""Seconds between writes of the offline file: of a run that is killed, what came since is lost to `wandb sync`."""


class Wandb(AbstractLogger):
    """One W&B run a cell: its id is the cell's, so a retry or a late sync never makes a second.

    Group and job type are the ablation and row that first trained the cell. Membership in any is by the tags
    `ablation:NAME` and `row:NAME/ROW` and by the config's `rows.NAME`, of which charts make groups. Without an API key
    (WANDB_API_KEY or a netrc entry) and with no WANDB_MODE set the run is written offline into `<outputs>/wandb`;
    nothing ever asks. A failed cell ends as a failed run. A service that cannot be reached, refuses or hangs costs at
    most `timeout` seconds at the beginning and at the end, and never the training. Rows that a run at the service has
    are not sent to it again; each run offline holds all rows, those before a checkpoint too.

    Args:
        folder: the cell's.
        cell: id, name, ablation, row and config; `also`, the memberships beyond the first, where they are known.
        project, entity: at the service; entity None is the user's own.
        mode: None asks the environment.
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
            "name": cell["name"],
            "project": project,
            "entity": entity,
            "group": short(cell["ablation"]),
            "job_type": short(cell["row"]),
            "tags": tags(member),
            "config": {**cell["config"], "rows": rows(member)},
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
        except Exception as error:  # whatever it is, the files beside are whole and can be sent later
            print(f"W&B: {line(error)}; this run is written offline, into {about['dir']}/wandb", flush=True)
            wandb.teardown()  # its process still holds the id
            self.run = wandb.init(**about, mode="offline", settings=settings)
        self.quietly(lambda: self.run.define_metric("*", step_metric="step"))

    @property
    def whole(self) -> bool:
        """Whether the run at the service has ended, with the summary of a finished cell."""
        return bool(self.run.resumed) and self.run.summary.get("epochs") is not None

    def leave(self) -> None:
        """Close a whole run as it is."""
        self.quietly(lambda: self.run.finish(exit_code=0))

    def resume(self, rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:
            self.log(row)

    def log(self, row: Mapping[str, float]) -> None:
        step = int(row["step"])
        if step >= self.run.starting_step:  # the service has those before
            self.quietly(lambda: self.run.log(dict(row), step=step))

    def picture(self, name: str, png: bytes) -> None:
        import wandb
        from PIL import Image

        self.quietly(lambda: self.run.log({name: wandb.Image(Image.open(io.BytesIO(png)))}))

    def close(self, summary: Mapping[str, Any] | None) -> None:
        self.quietly(lambda: self.run.summary.update(dict(summary or {})))
        if self.weights and summary is not None:
            self.quietly(self.send_weights)
        self.quietly(lambda: self.run.finish(exit_code=1 if summary is None else 0))

    def send_weights(self) -> None:
        """The last and the best weights as one artifact."""
        import wandb

        artifact = wandb.Artifact(f"weights-{self.run.id}", type="model")
        for name in ("last", "best"):
            artifact.add_file(str(RunFolder(self.folder).weights(name)))
        self.run.log_artifact(artifact)

    def quietly(self, send: Callable[[], object]) -> None:
        """Send, or say once why not: nothing that W&B does ends a training."""
        try:
            send()
        except Exception as error:
            if not self.failed:
                print(f"W&B: {line(error)}; training goes on", flush=True)
            self.failed = True


def tags(member: Sequence[Membership]) -> list[str]:
    """The tags of a cell's memberships."""
    return list(dict.fromkeys(tag for one, row in member for tag in (of_ablation(one), short(f"row:{one}/{row}"))))


def of_ablation(name: str) -> str:
    """The tag of all cells of an ablation."""
    return short(f"ablation:{name}")


def rows(member: Sequence[Membership]) -> dict[str, str]:
    """The same for charts, which group by a key of the config: ablation -> row."""
    return {key(one): row for one, row in reversed(member)}


def key(ablation: str) -> str:
    """An ablation's key in `rows`: W&B reads a dot as a level."""
    return ablation.replace(".", "_")


def line(error: Exception) -> str:
    """An error's first line, or its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def short(text: str) -> str:
    """At most the 64 characters of a W&B tag; a longer text keeps its beginning and a hash of the whole."""
    return text if len(text) <= 64 else f"{text[:55]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def has_key() -> bool:
    """Whether W&B would find an API key without asking."""
    import wandb

    with contextlib.redirect_stderr(io.StringIO()):  # it says where it found one
        return bool(wandb.login(prompt=False, verify=False))
