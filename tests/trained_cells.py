"""Cells with random weights: a tiny network with its data."""

from copy import deepcopy
from functools import cache

import torch
from hydra import compose
from omegaconf import DictConfig

from dropgrid import build
from dropgrid.measure.trained_cell import TrainedCell
from dropgrid.planning.compose import hydra_context, resolved_config
from dropgrid.store.identity import divide

TINY = ["data=fake", "data.size=12", "data.train=64", "data.val=40", "data.test=60"]


@cache
def composed(*line: str) -> DictConfig:
    """A config, composed once: Hydra takes longer for it than many a test for what it does with the cell."""
    with hydra_context():
        return compose("train", list(line))


def make(outputs, *overrides):
    """Make a cell; overrides are the command line's."""
    small = [] if "model=fractal" in overrides else ["model.width=0.25"]
    found = deepcopy(composed(*TINY, *small, *overrides))
    found.paths.outputs = str(outputs)
    config, local = divide(resolved_config(found))
    source = build.source(config, local)
    net = build.network(config, source.spec()).eval()
    build.initialise(config, local, net)
    with torch.no_grad():
        net.fc.weight.mul_(20)  # confident, so that predictions differ
    return TrainedCell(config, local, net, net.state_dict(), source.spec(), source.load(), torch.device("cpu"))
