"""What the tests of diagnostics share."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.measure.probe import COMMON, Probe


class Half(nn.Module):
    """½ mean ‖logits‖² over the batch: its gradient is the logits over N."""

    def forward(self, logits, targets):
        return logits.square().sum() / (2 * len(logits))


@pytest.fixture
def probe():
    """Makes a probe of a network and images of any shape."""

    def of(network, images, targets=None, loss=None, **about):
        targets = torch.zeros(len(images), dtype=torch.int64) if targets is None else targets
        return Probe(network, images, targets, loss or Half(), 0, **about)

    return of


@pytest.fixture
def arguments():
    """The defaults of an option's YAML, as its function has them."""

    def of(name, **changes):
        node = yaml.safe_load((Path(__file__).parents[3] / "conf" / "diagnose" / f"{name}.yaml").read_text())
        return {k: v for k, v in node.items() if not k.startswith("_") and k not in COMMON} | changes

    return of


def chain(depth, weight):
    """Scalar layers without bias, of one weight."""
    layers = [nn.Linear(1, 1, bias=False) for _ in range(depth)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.fill_(weight)
    return nn.Sequential(*layers)


@pytest.fixture(name="chain")
def made_chain():
    return chain
