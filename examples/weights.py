"""Load and export the weights of a finished cell: python examples/weights.py ABLATION [OUTPUTS]

`dropgrid.load_cell` returns a cell's network. The weights are a safetensors file with plain names, so torch can load
them without dropgrid: those of model=resnet18 … resnet152 fit torchvision's networks.
"""

import sys
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file

import dropgrid


def main(ablation: str, outputs: str = "outputs") -> None:
    """Load the first finished cell, copy its weights into torchvision's class, and export its network."""
    frame = dropgrid.load(ablation, outputs)
    cell = frame.loc[frame["status"] == "finished", "cell"].iloc[0]
    net = dropgrid.load_cell(cell, outputs)
    images = torch.randn(2, 3, 32, 32)

    theirs = torchvision.models.resnet18(num_classes=net.fc.out_features).eval()
    theirs.load_state_dict(load_file(Path(outputs) / "runs" / cell / "last.safetensors"))
    torch.testing.assert_close(theirs(images), net(images))
    print(f"cell {cell}: torchvision's resnet18 with these weights gives the same logits")

    path = Path(f"{cell}.pt2")
    torch.export.save(torch.export.export(net, (images,)), path)
    torch.testing.assert_close(torch.export.load(path).module()(images), net(images))
    print(f"{path}: exported program, gives the same logits without dropgrid")


if __name__ == "__main__":
    main(*sys.argv[1:])
