"""Weights of a finished cell, exported and loaded back: python examples/weights.py ABLATION [OUTPUTS]

A cell's network comes back whole (`load_cell`). Its weights are a safetensors file of plain names, so torch alone loads
them too: those of model=resnet18 … resnet152 into torchvision's networks, without dropgrid.
"""

import sys
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file

import dropgrid
from dropgrid import load_cell


def main(ablation: str, outputs: str = "outputs") -> None:
    """The first finished cell's network, the same in torchvision's class, and an exported program of it."""
    frame = dropgrid.load(ablation, outputs)
    cell = frame.loc[frame["status"] == "finished", "cell"].iloc[0]
    net = load_cell(cell, outputs)
    images = torch.randn(2, 3, 32, 32)

    theirs = torchvision.models.resnet18(num_classes=net.fc.out_features).eval()
    theirs.load_state_dict(load_file(Path(outputs) / "runs" / cell / "last.safetensors"))
    torch.testing.assert_close(theirs(images), net(images))
    print(f"cell {cell}: torchvision's resnet18 with its weights gives the same logits")

    path = Path(f"{cell}.pt2")
    torch.export.save(torch.export.export(net, (images,)), path)
    torch.testing.assert_close(torch.export.load(path).module()(images), net(images))
    print(f"{path}: the network as a program that torch alone runs, the same logits")


if __name__ == "__main__":
    main(*sys.argv[1:])
