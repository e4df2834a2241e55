"""Audit three networks: python examples/audit.py [PAGE.html]

On maps of 7×7, torchvision's DropBlock2d drops what it is configured to drop; timm's (pip install timm) drops 93 %
instead of 10 %. In the third network the regularizer is off: it reads its probability before the config sets it.
"""

import sys

import torch
from torch import Tensor, nn
from torchvision.ops import DropBlock2d

import dropgrid


def network(layer: nn.Module) -> nn.Module:
    """Return a small network with a drop layer on its last maps, 7×7."""
    stem = nn.Sequential(nn.Conv2d(3, 32, 3, stride=4, padding=1), nn.BatchNorm2d(32), layer, nn.ReLU())
    return nn.Sequential(stem, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 10))


class Forgetful(nn.Module):
    """A drop layer whose probability the config sets too late."""

    drop_prob = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Dropout2d(self.drop_prob)

    def forward(self, input: Tensor) -> Tensor:
        return self.layer(input)


def main(pages: list[str]) -> None:
    """Print the audits; write the last one to each page given."""
    torch.manual_seed(0)
    loader = [(torch.randn(64, 3, 28, 28), torch.zeros(64)) for _ in range(8)]
    layers: dict[str, nn.Module] = {"torchvision": DropBlock2d(0.1, 3), "silently off": Forgetful()}
    try:
        from timm.layers.drop import DropBlock2d as TimmDropBlock2d

        layers["timm"] = TimmDropBlock2d(0.1, 7)
    except ImportError:
        print("timm is not installed\n")
    for name, layer in layers.items():
        found = dropgrid.audit(network(layer), loader)
        print(f"=== {name}\n{found}")
    for path in pages:
        print(found.write(path))


if __name__ == "__main__":
    main(sys.argv[1:])
