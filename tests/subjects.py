"""Subjects that nobody trained: a tiny network of random weights with its data."""

import torch
from hydra import compose

from dropgrid import build
from dropgrid.measure.subject import Subject
from dropgrid.planning.compose import hydra_context, resolved_config
from dropgrid.store.identity import divide

TINY = ["data=fake", "data.size=12", "data.train=64", "data.val=40", "data.test=60", "model.width=0.25"]


def make(outputs, *overrides):
    """A subject; overrides are the command line's."""
    with hydra_context():
        config, local = divide(resolved_config(compose("train", [*TINY, f"paths.outputs={outputs}", *overrides])))
    source = build.source(config, local)
    net = build.network(config, source.spec()).eval()
    build.initialise(config, local, net)
    with torch.no_grad():
        net.fc.weight.mul_(20)  # confident, so that predictions differ
    return Subject(config, local, net, net.state_dict(), source.spec(), source.load(), torch.device("cpu"))
