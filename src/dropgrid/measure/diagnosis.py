"""Signals recorded while a cell trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid import checks
from dropgrid.data.split import Split
from dropgrid.errors import UserError
from dropgrid.instantiate import by_option, call, instantiate
from dropgrid.learner import Learner
from dropgrid.measure.probe import COMMON, probe
from dropgrid.measure.snapshots import Moment, write
from dropgrid.measure.subject import DoesNotApply, Found
from dropgrid.paths import CONF
from dropgrid.store.files import parse_yaml
from dropgrid.store.layout import RunFolder


class Diagnosis(Callback):
    """Measures diagnostics every N steps, before the step, and after the last one, into `diagnosis.npz`.

    They compute with copies of the network and draw nothing: training has the bits that it has without. Stands before
    `Checkpoint` in the trainer's callbacks: a checkpoint of a step then holds what was measured before it, and resuming
    measures nothing twice.

    Args:
        folder: the cell's.
        split: of the training images.
        lr: the optimizer's, before any schedule; None where it has none.
        every: optimizer steps between two moments.
        images: of the batch, the same at all moments.
        options: diagnostics, as conf/diagnose has them, by the names under which they are kept.

    Raises:
        UserError: every or images below 1, a diagnostic that measures no network, or one of whose own `images`, `steps`
            or `every`, which do nothing here, another value is asked for than its YAML has.
    """

    def __init__(
        self, *, folder: Path, split: Split, lr: float | None, every: int, images: int, **options: Mapping[str, Any]
    ):
        self.path, self.split, self.lr = RunFolder(folder).diagnosis, split, lr
        self.every = checks.whole_number("diagnosis.every", every, 1, error=UserError)
        self.images = checks.whole_number("diagnosis.images", images, 1, error=UserError)
        if wrong := [name for name, node in options.items() if "images" not in node]:
            raise UserError(f"diagnosis.{wrong[0]} looks at a training before its first step: it cannot be recorded")
        nodes = {name: by_option(f"diagnosis.{name}", node) for name, node in options.items()}
        for name, node in nodes.items():
            refuse(name, node)
        nodes = {name: {k: v for k, v in node.items() if k not in COMMON} for name, node in nodes.items()}
        self.options = {name: instantiate(f"diagnosis.{name}", node) for name, node in nodes.items()}
        self.recorded: dict[str, list[Moment]] = {name: [] for name in self.options}

    def state_dict(self) -> dict[str, Any]:
        return {name: [(each.step, packed(each.arrays)) for each in own] for name, own in self.recorded.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.recorded = {
            name: [Moment(step, unpacked(arrays)) for step, arrays in state_dict.get(name, [])] for name in self.options
        }

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0 and trainer.global_step % self.every == 0:
            self.record(trainer.global_step, learner)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        write(self.path, self.recorded)

    def on_train_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.record(trainer.global_step, learner)
        write(self.path, self.recorded)

    def record(self, step: int, learner: LightningModule) -> None:
        """Measure each diagnostic, unless that was done at this step before; one that does not apply has no moment."""
        assert isinstance(learner, Learner)
        due = [name for name, own in self.recorded.items() if not own or own[-1].step < step]
        if not due:
            return
        looked = probe(learner, self.split, images=self.images, lr=self.lr)
        for name in due:
            try:
                found: Found = call(f"diagnosis.{name}", self.options[name], looked)
            except DoesNotApply as reason:
                print(f"diagnosis.{name} at step {step}: {reason}", flush=True)
                continue
            self.recorded[name].append(Moment(step, found.arrays))


def refuse(name: str, node: Mapping[str, Any]) -> None:
    """UserError where a key was set that a recorded diagnostic does not ask."""
    path = CONF / "diagnose" / f"{node.get('option')}.yaml"
    usual = parse_yaml(path.read_text()) if path.exists() else node
    if wrong := [key for key in COMMON if key in node and node[key] != usual[key]]:
        raise UserError(
            f"diagnosis.{name}.{wrong[0]} does nothing where a training is recorded: "
            "diagnosis.images and diagnosis.every are those of all that is recorded"
        )


def packed(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays as a checkpoint may hold them: tensors, and lists of texts."""
    return {
        key: each.tolist()
        if each.dtype.kind == "U"
        else torch.from_numpy(np.ascontiguousarray(each)).reshape(each.shape)
        for key, each in arrays.items()
    }


def unpacked(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays again."""
    return {key: each.numpy() if isinstance(each, torch.Tensor) else np.array(each) for key, each in values.items()}
