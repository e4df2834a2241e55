"""What an evaluation is given, a finished cell, and what it answers.

An option is a function `(subject, **arguments) -> dict[str, Measure]`. Every argument's default stands in the YAML, and
`weights` beside them, which is not the function's: the weights that the subject has. A metric's name says the level of
what a list argument ranges over (`gaussian_noise_0.1`), so that more levels are more columns.
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
"""The unit of a share: the value is in [0, 1], and shown in percent."""

POINTS = "points"
"""The unit of a difference of two shares, in percentage points."""

Corrupt = Callable[[Tensor, int], Tensor]
"""From uint8 images (N, C, H, W), on the CPU, and the place of the first in its split, to others of that shape."""


class Measure(NamedTuple):
    """A number, what the field calls it, and its unit: `SHARE`, `POINTS`, `nats`, or nothing."""

    value: float
    label: str
    unit: str = SHARE


def finite_measures(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Return those whose value is finite; what overflowed or divided by 0 is left out."""
    return {key: each for key, each in measures.items() if math.isfinite(each.value)}


class Found(NamedTuple):
    """What an evaluation found that leaves arrays beside its numbers; one that leaves none gives the numbers alone."""

    measures: dict[str, Measure]
    arrays: dict[str, np.ndarray]


def listed(key: str, values: Any) -> list[Any]:
    """The values of an argument that takes a list; ValueError where it is none, or empty."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ValueError(f"{key} takes a list: evaluate.{key}=[…], got {values!r}")
    return [*values]


class DoesNotApply(Exception):
    """Of this cell there is nothing to measure, and why; no failure."""


@dataclass(frozen=True)
class Subject:
    """A finished cell.

    Args:
        config, local: as in its folder.
        network: with the chosen weights, in eval mode.
        weights: those, by name.
        spec: of the data that it was trained on.
        splits: the same data; `test` holds the images that it was tested on.
        device: on which to compute.
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
        """What it was trained for."""
        made: Task[Any] = instantiate("task", self.config["task"])
        return made

    @property
    def seed(self) -> int:
        """Of the cell."""
        seed: int = self.config["seed"]
        return seed

    def rebuilt(self, config: Mapping[str, Any]) -> nn.Module:
        """The network of another config with this cell's weights, all of them and no others, in eval mode."""
        with torch.random.fork_rng(devices=[]):  # torch draws weights that are then replaced
            net = build.network(config, self.spec)
        net.load_state_dict(dict(self.weights))
        return net.eval()

    def initial(self) -> nn.Module:
        """The network as it was before its first step, in eval mode."""
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
            network: instead of the cell's own.
            seed: of what drops at inference; None is the cell's.
            corrupt: the images, batch by batch.
        """
        net = self.network if network is None else network
        learner = self.learner(net, self.seed if seed is None else seed).to(self.device)
        size, workers = self.config["data"]["eval_batch_size"], self.local["data"].get("workers", 0)
        device = self.device if corrupt is None else torch.device("cpu")
        loader = batches(split, size, order=None, drop_last=False, workers=workers, device=device)
        return predict(learner, self.task, loader if corrupt is None else corrupted(loader, corrupt))

    def headline(self, predictions: Any) -> Measure:
        """Return the task's headline of what `predict` returned, labelled by its quantity."""
        about = self.task.description
        return Measure(self.task.headline_value(predictions), about.quantity, about.unit)

    def images(self, split: Split) -> Tensor:
        """uint8 (N, C, H, W) of a split, on the CPU."""
        size = self.config["data"]["eval_batch_size"]
        return torch.cat(
            [images for images, _ in batches(split, size, order=None, drop_last=False, workers=0, device="cpu")]
        )

    def learner(self, network: nn.Module, seed: int) -> Learner:
        """A network with the cell's own normalization of images, loss and optimizer."""
        made = build.learner(self.config, self.task, network, self.spec, self.splits, seed)
        if not isinstance(made, Learner):
            raise DoesNotApply("its task has a learner of its own")
        return made


def corrupted(loader: Any, corrupt: Corrupt) -> Iterator[Batch]:
    """The batches with their images corrupted."""
    place = 0
    for images, labels in loader:
        yield corrupt(images, place), labels
        place += len(labels)


def load(folder: Path, weights: str) -> Subject:
    """The subject in a finished cell's folder, with its `last` or its `best` weights, on as many threads as it had."""
    config, local = read_parts(folder)
    run = RunFolder(folder)
    torch.set_num_threads(config["trainer"]["threads"])  # the bits depend on them
    source = build.source(config, local)
    spec = source.spec()
    network = build.network(config, spec)
    tensors = load_weights(network, run.weights(weights))
    splits = source.load()
    targets = read_arrays(run.predictions, "train the cell again", ["targets"])["targets"]
    tested = len(targets)  # fewer with trainer.limit_test_batches
    splits = splits._replace(test=splits.test.select(torch.arange(tested)))
    on_cpu = local["trainer"]["accelerator"] == "cpu" or not torch.cuda.is_available()
    device = torch.device("cpu" if on_cpu else "cuda")
    return Subject(config, local, network.eval(), tensors, spec, splits, device)
