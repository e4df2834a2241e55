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
from dropgrid.measure.probe import COMMON, make_probe
from dropgrid.measure.snapshots import Snapshot, write_snapshots
from dropgrid.measure.trained_cell import DoesNotApply, MeasureResult
from dropgrid.paths import CONF
from dropgrid.store.files import parse_yaml
from dropgrid.store.layout import RunFolder


class Diagnosis(Callback):
    """Measures diagnostics every N steps, before the step, and after the last one, into `diagnosis.npz`.

    They work on copies of the network and draw no random numbers of training, so training is bit-identical with and
    without them. The callback comes before `Checkpoint`: a checkpoint then holds all measurements up to its step, and
    resuming measures nothing twice.

    Args:
        folder: the cell's folder.
        split: of the training images.
        lr: the optimizer's learning rate before any schedule; None if it has none.
        every: optimizer steps between two measurements.
        images: number of images in the batch, which is the same each time.
        options: diagnostics, as in conf/diagnose, by the names under which they are saved.

    Raises:
        UserError: every or images is below 1, a diagnostic does not measure a network, or a diagnostic's own `images`,
            `steps` or `every` is set, which has no effect here.
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
            check_common_keys(name, node)
        nodes = {name: {k: v for k, v in node.items() if k not in COMMON} for name, node in nodes.items()}
        self.options = {name: instantiate(f"diagnosis.{name}", node) for name, node in nodes.items()}
        self.recorded: dict[str, list[Snapshot]] = {name: [] for name in self.options}

    def state_dict(self) -> dict[str, Any]:
        return {name: [(each.step, pack_arrays(each.arrays)) for each in own] for name, own in self.recorded.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.recorded = {
            name: [Snapshot(step, unpack_arrays(arrays)) for step, arrays in state_dict.get(name, [])]
            for name in self.options
        }

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0 and trainer.global_step % self.every == 0:
            self.record(trainer.global_step, learner)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        write_snapshots(self.path, self.recorded)

    def on_train_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.record(trainer.global_step, learner)
        write_snapshots(self.path, self.recorded)

    def record(self, step: int, learner: LightningModule) -> None:
        """Run each diagnostic once per step; one that does not apply records nothing."""
        assert isinstance(learner, Learner)
        due = [name for name, own in self.recorded.items() if not own or own[-1].step < step]
        if not due:
            return
        looked = make_probe(learner, self.split, images=self.images, lr=self.lr)
        for name in due:
            try:
                found: MeasureResult = call(f"diagnosis.{name}", self.options[name], looked)
            except DoesNotApply as reason:
                print(f"diagnosis.{name} at step {step}: {reason}", flush=True)
                continue
            self.recorded[name].append(Snapshot(step, found.arrays))


def check_common_keys(name: str, node: Mapping[str, Any]) -> None:
    """Raise UserError if a key is set that has no effect on a recorded diagnostic."""
    path = CONF / "diagnose" / f"{node.get('option')}.yaml"
    usual = parse_yaml(path.read_text(encoding="utf-8")) if path.exists() else node
    if wrong := [key for key in COMMON if key in node and node[key] != usual[key]]:
        raise UserError(
            f"diagnosis.{name}.{wrong[0]} does nothing where a training is recorded: "
            "diagnosis.images and diagnosis.every are those of all that is recorded"
        )


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return arrays in a form that a checkpoint can hold: tensors, and lists of strings."""
    return {
        key: each.tolist()
        if each.dtype.kind == "U"
        else torch.from_numpy(np.ascontiguousarray(each)).reshape(each.shape)
        for key, each in arrays.items()
    }


def unpack_arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays that `pack_arrays` packed."""
    return {key: each.numpy() if isinstance(each, torch.Tensor) else np.array(each) for key, each in values.items()}
