"""Cells of the project for the benchmarks: planned from overrides as a command plans them."""

import contextlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from dropgrid.cli.train import build_model
from dropgrid.planning.plan import plans
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.store.cell import Cell

SCRATCH = Path(tempfile.gettempdir()) / "dropgrid-benchmarks"


def cell(*overrides: str) -> Cell:
    """The one cell of a run with these overrides, its files under a scratch folder."""
    with contextlib.redirect_stdout(io.StringIO()):
        (found,) = plans([*overrides, f"paths.outputs={SCRATCH}"])[0].cells
    return found


def net(*overrides: str) -> nn.Module:
    """Its network."""
    found = cell(*overrides)
    both = {key: {**found.config[key], **part} for key, part in found.local.items() if key in found.config}
    return build_model({**found.config, **found.local, **both})


def replaced(network: nn.Module, make) -> nn.Module:
    """The network with another module in the place of each DropBlock2d: make(drop)."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, DropBlock2d):
                setattr(module, name, make(child))
    return network


def inputs(batch: int, size: Sequence[int], classes: int, layout: torch.memory_format) -> tuple:
    """A batch of noise and labels."""
    return torch.randn(batch, *size).contiguous(memory_format=layout), torch.randint(classes, (batch,))
