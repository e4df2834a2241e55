"""The size of a cell, known before anything is computed: parameters, FLOPs, sites, bytes."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dropgrid import build, sites
from dropgrid.data.source import Spec
from dropgrid.instantiate import call, instantiate
from dropgrid.store.cell import Cell
from dropgrid.store.checkpoints import KEPT
from dropgrid.tasks.description import trains_itself
from dropgrid.tasks.task import Task

TEXT_BYTES = 30_000
EPOCH_BYTES = 200
"""Bytes of a cell's text files, and of a line of metrics.csv."""


@dataclass(frozen=True)
class CellProfile:
    """A cell's size.

    `flops`: convolutions and matrix products of the forward pass of one image, a multiply-add counted as 2.
    `sites`: number of sites that drop something. `files`: bytes that it leaves, at most. `checkpoints`: bytes while it
    trains. Of a training of one's own nothing is known beforehand: no parameters and FLOPs, and 0 of the others.
    """

    parameters: int | None
    flops: int | None
    sites: int
    files: int
    checkpoints: int


def profile_cell(cell: Cell) -> CellProfile:
    """Return a cell's size, from its network on the meta device: nothing is computed, no image is read."""
    config = cell.config
    if trains_itself(config):
        return CellProfile(None, None, 0, TEXT_BYTES, 0)
    spec = build.source(config, cell.local).spec()
    with torch.device("meta"):
        net = build.network(config, spec)
    weights = tensor_bytes(net.state_dict())
    task: Task[Any] = instantiate("task", config["task"])
    return CellProfile(
        sum(parameter.numel() for parameter in net.parameters()),
        count_flops(net, spec),
        len(sites.inference_drops(net)),
        2 * weights + task.prediction_bytes(spec) + TEXT_BYTES + EPOCH_BYTES * config["trainer"]["max_epochs"],
        KEPT * (2 * weights + optimizer_bytes(cell, net)),  # the weights, and those of the best epoch
    )


def count_flops(net: nn.Module, spec: Spec) -> int:
    """Return the FLOPs of the forward pass of one image, in eval mode: half those of two,
    as a norm may need more than one image."""
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), torch.no_grad(), counter:
        net.eval()(torch.zeros(2, spec.channels, *spec.size))
    return int(counter.get_total_flops()) // 2


def optimizer_bytes(cell: Cell, net: nn.Module) -> int:
    """Return the bytes that the optimizer keeps, from a step on the meta device."""
    optimizer = call("optimizer", instantiate("optimizer", cell.config["optimizer"]), net)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with contextlib.suppress(RuntimeError):  # an optimizer that reads values cannot step here; counted as 0
        optimizer.step()
    return sum(tensor_bytes(kept) for kept in optimizer.state.values())


def tensor_bytes(tensors: Mapping[str, Tensor | object]) -> int:
    """Return the bytes of the tensors of a mapping."""
    return sum(each.numel() * each.itemsize for each in tensors.values() if isinstance(each, Tensor))
