"""Audit a few networks: python examples/audit.py [PAGE.html]

On maps of 7×7, torchvision's DropBlock2d drops what it is configured to drop; timm's (pip install timm) drops 93 %
instead of 10 %. In two networks the regularizer is off: one reads its probability before the config sets it, of the
other a part stayed in eval mode. In the last one its result is not used, and what it keeps is not scaled.
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


class Unscaled(nn.Module):
    """A drop layer that forgets 1 / (1 - p), and whose result is forgotten."""

    p = 0.2

    def __init__(self) -> None:
        super().__init__()
        self.mask = MaskDropout()

    def forward(self, input: Tensor) -> Tensor:
        self.mask(input)
        return input


class MaskDropout(nn.Module):
    """input · mask in train mode."""

    p = 0.2

    def forward(self, input: Tensor) -> Tensor:
        return input * (torch.rand_like(input) >= self.p) if self.training else input


def left_in_eval() -> nn.Module:
    """Return a network of which training code switched one part to eval mode, and not back."""
    model = network(DropBlock2d(0.1, 3))
    model.get_submodule("0").eval()
    return model


def main(pages: list[str]) -> None:
    """Print the audits; write the last one to each page given."""
    torch.manual_seed(0)
    loader = [(torch.randn(64, 3, 28, 28), torch.zeros(64)) for _ in range(8)]
    networks = {
        "torchvision": network(DropBlock2d(0.1, 3)),
        "silently off": network(Forgetful()),
        "left in eval": left_in_eval(),
    }
    try:
        from timm.layers.drop import DropBlock2d as TimmDropBlock2d

        networks["timm"] = network(TimmDropBlock2d(0.1, 7))
    except ImportError:
        print("timm is not installed\n")
    networks["ignored and unscaled"] = network(Unscaled())
    for name, model in networks.items():
        found = dropgrid.audit(model, loader)
        print(f"=== {name}\n{found}")
    for path in pages:
        print(found.write(path))


if __name__ == "__main__":
    main(sys.argv[1:])
