"""The argument of an evaluation, a finished cell, and its result.

An option is a function `(cell, **arguments) -> dict[str, Measure]`. Its YAML holds the default of every argument, and
`weights`, which is not an argument of the function: the weights that the cell is loaded with. If an argument is a list
of levels, each level is a metric of its own (`gaussian_noise_0.1`), so more levels are more columns.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import build
from dropgrid.data.batches import batches
from dropgrid.data.source import Spec
from dropgrid.data.split import Split, Splits
from dropgrid.instantiate import instantiate
from dropgrid.learner import Batch, Learner
from dropgrid.predict import predict
from dropgrid.saved_network import load_weights
from dropgrid.store.arrays import read_arrays
from dropgrid.store.layout import RunFolder
from dropgrid.store.records import read_parts
from dropgrid.tasks.task import Task

SHARE = "%"
"""The unit of a share: the value is in [0, 1] and printed in percent."""

POINTS = "points"
"""The unit of a difference of two shares, in percentage points."""

SPLITS = ("train", "test")
"""Splits whose images an evaluation may use."""

Corrupt = Callable[[Tensor, int], Tensor]
"""(uint8 images (N, C, H, W) on the CPU, the place of the first in its split) -> corrupted images of that shape."""


class Measure(NamedTuple):
    """A number, its label in tables, and its unit: `SHARE`, `POINTS`, `nats`, or empty."""

    value: float
    label: str
    unit: str = SHARE


def finite_measures(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Return the measures whose value is finite, without overflows and divisions by 0."""
    return {key: each for key, each in measures.items() if math.isfinite(each.value)}


class MeasureResult(NamedTuple):
    """The result of an evaluation that writes arrays too; one without arrays returns the measures alone."""

    measures: dict[str, Measure]
    arrays: dict[str, np.ndarray]


def require_list(key: str, values: Any) -> list[Any]:
    """Return the values of an argument that takes a list; ValueError if it is not a list, or empty."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ValueError(f"{key} takes a list: evaluate.{key}=[…], got {values!r}")
    return [*values]


class DoesNotApply(Exception):
    """The evaluation cannot measure this cell, with the reason; this is not a failure."""


@dataclass(frozen=True)
class TrainedCell:
    """A finished cell, loaded for an evaluation.

    Args:
        config, local: the files of its folder.
        network: its network with the chosen weights, in eval mode.
        weights: these weights, by name.
        spec: the description of its data.
        splits: its data; `test` holds the images that it was tested on.
        device: the device to compute on.
    """

    config: Mapping[str, Any]
    local: Mapping[str, Any]
    network: nn.Module
    weights: Mapping[str, Tensor]
    spec: Spec
    splits: Splits
    device: torch.device

    @cached_property
    def task(self) -> Task[Any]:
        """The task that it was trained for."""
        made: Task[Any] = instantiate("task", self.config["task"])
        return made

    @property
    def seed(self) -> int:
        """The cell's seed."""
        seed: int = self.config["seed"]
        return seed

    def require_classes(self) -> None:
        """Raise DoesNotApply unless an image of the cell's data has one class."""
        if self.spec.targets != "classes":
            raise DoesNotApply(f"it needs a class for each image, and this cell's data have {self.spec.targets}")

    def rebuilt(self, config: Mapping[str, Any]) -> nn.Module:
        """Return the network of another config in eval mode, with exactly this cell's weights."""
        with torch.random.fork_rng(devices=[]):  # torch draws weights that are then replaced
            net = build.network(config, self.spec)
        net.load_state_dict(dict(self.weights))
        return net.eval()

    def initial(self) -> nn.Module:
        """Return the network with its initial weights, in eval mode."""
        with torch.random.fork_rng(devices=[]):
            net = build.network(self.config, self.spec)
        build.initialise(self.config, self.local, net, lambda: build.first_batch(self.config, self.splits))
        return net.eval()

    def predict(
        self,
        split: Split,
        *,
        network: nn.Module | None = None,
        seed: int | None = None,
        corrupt: Corrupt | None = None,
    ) -> Any:
        """Return the task's predictions of a split, in its order, as the cell was measured after training.

        Args:
            network: a network to use instead of the cell's own.
            seed: the seed of masks at inference; None is the cell's.
            corrupt: a function that corrupts the images of each batch.
        """
        net = self.network if network is None else network
        learner = self.learner(net, self.seed if seed is None else seed).to(self.device)
        size, workers = self.config["data"]["eval_batch_size"], self.local["data"].get("workers", 0)
        device = self.device if corrupt is None else torch.device("cpu")
        loader = batches(split, size, order=None, drop_last=False, workers=workers, device=device)
        return predict(learner, self.task, loader if corrupt is None else corrupt_batches(loader, corrupt))

    def headline(self, predictions: Any) -> Measure:
        """Return the task's headline metric of predictions from `predict`, labelled by its quantity."""
        about = self.task.description
        return Measure(self.task.headline_value(predictions), about.quantity, about.unit)

    def images(self, split: Split) -> Tensor:
        """Return a split's images, uint8 (N, C, H, W), on the CPU."""
        size = self.config["data"]["eval_batch_size"]
        return torch.cat(
            [images for images, _ in batches(split, size, order=None, drop_last=False, workers=0, device="cpu")]
        )

    def learner(self, network: nn.Module, seed: int) -> Learner:
        """Return a network as a Learner with the cell's normalization of images, loss and optimizer."""
        made = build.learner(self.config, self.task, network, self.spec, self.splits, seed)
        if not isinstance(made, Learner):
            raise DoesNotApply("its task has a learner of its own")
        return made


def corrupt_batches(loader: Any, corrupt: Corrupt) -> Iterator[Batch]:
    """Yield the batches with corrupted images."""
    place = 0
    for images, labels in loader:
        yield corrupt(images, place), labels
        place += len(labels)


def load_trained_cell(folder: Path, weights: str) -> TrainedCell:
    """Load a finished cell from its folder, with its `last` or `best` weights, and use as many threads as it did."""
    config, local = read_parts(folder)
    run = RunFolder(folder)
    torch.set_num_threads(config["trainer"]["threads"])  # the bits depend on them
    source = build.planned(config, local)
    spec = source.spec()
    network = build.network(config, spec)
    tensors = load_weights(network, run, weights)
    splits = source.load()
    targets = read_arrays(run.predictions, "train the cell again", ["targets"])["targets"]
    tested = len(targets)  # fewer with trainer.limit_test_batches
    splits = splits._replace(test=splits.test.select(torch.arange(tested)))
    on_cpu = local["trainer"]["accelerator"] == "cpu" or not torch.cuda.is_available()
    device = torch.device("cpu" if on_cpu else "cuda")
    return TrainedCell(config, local, network.eval(), tensors, spec, splits, device)
