"""Add DropBlock to a network that makes maps: python examples/own_dense.py retinanet | unet | neck

torchvision's RetinaNet gets it after its last stage and in every level of its feature pyramid, a U-Net in its decoder,
a neck as YOLO has it after the blocks that merge its levels. The network takes one training step, and the audit
measures what the layers drop.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import dropgrid

Forward = Callable[[nn.Module, Any], Any]


def drop() -> nn.Module:
    """Return a layer; one for each place, since each counts what it drops."""
    return dropgrid.DropBlock2d(drop_prob=0.1, block_size=3)


def retinanet() -> tuple[nn.Module, Forward]:
    """Return torchvision's RetinaNet, whose losses arise inside it in training, and how it is called."""
    model = torchvision.models.detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None, num_classes=4)
    model.transform.min_size, model.transform.max_size = (128,), 128  # small, to be quick
    model.backbone.body.layer4.append(drop())
    for level in model.backbone.fpn.layer_blocks:
        level.append(drop())

    def forward(model: nn.Module, images: Tensor) -> Any:
        boxes = {"boxes": torch.tensor([[8.0, 8.0, 64.0, 64.0]]), "labels": torch.tensor([1])}
        return model([*images], [boxes] * len(images)) if model.training else model([*images])

    return model, forward


def double(inputs: int, outputs: int) -> nn.Sequential:
    """Return two 3×3 convolutions, each with norm and ReLU."""
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        layers += [nn.Conv2d(before, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Two levels down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = double(3, 16), double(16, 32), double(32, 64)
        self.up2, self.up1, self.classifier = double(96, 32), double(48, 16), nn.Conv2d(16, 4, 1)
        for level in (self.up2, self.up1):
            level.append(drop())

    def forward(self, images: Tensor) -> Tensor:
        one = self.down1(images)
        two = self.down2(nn.functional.max_pool2d(one, 2))
        found = self.bottom(nn.functional.max_pool2d(two, 2))
        for beside, level in ((two, self.up2), (one, self.up1)):
            found = level(torch.cat([beside, nn.functional.interpolate(found, scale_factor=2)], 1))
        output: Tensor = self.classifier(found)
        return output


class Neck(nn.Module):
    """Three levels of a backbone merged from the top down and up again, as YOLO's path aggregation does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(double(3, 16), nn.MaxPool2d(2))
        self.stage1, self.stage2, self.stage3 = double(16, 16), double(16, 32), double(32, 64)
        self.top2, self.top1 = double(96, 32), double(48, 16)
        self.bottom2, self.bottom3 = double(48, 32), double(96, 64)
        for block in (self.top2, self.top1, self.bottom2, self.bottom3):
            block.append(drop())
        self.heads = nn.ModuleList(nn.Conv2d(channels, 9, 1) for channels in (16, 32, 64))

    def forward(self, images: Tensor) -> list[Tensor]:
        larger, smaller = nn.Upsample(scale_factor=2), nn.MaxPool2d(2)
        p1 = self.stage1(self.stem(images))
        p2 = self.stage2(smaller(p1))
        p3 = self.stage3(smaller(p2))
        p2 = self.top2(torch.cat([p2, larger(p3)], 1))
        p1 = self.top1(torch.cat([p1, larger(p2)], 1))
        p2 = self.bottom2(torch.cat([p2, smaller(p1)], 1))
        p3 = self.bottom3(torch.cat([p3, smaller(p2)], 1))
        return [head(each) for head, each in zip(self.heads, (p1, p2, p3), strict=True)]


def call(model: nn.Module, images: Tensor) -> Any:
    """Return a network's outputs."""
    return model(images)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Forward]]] = {
    "retinanet": retinanet,
    "unet": lambda: (UNet(), call),
    "neck": lambda: (Neck(), call),
}


def main(name: str) -> None:
    """Take a training step on noise, then audit the network."""
    torch.manual_seed(0)
    model, forward = NETWORKS[name]()
    images = torch.rand(4, 3, 128, 128)
    found = forward(model.train(), images)
    outputs = found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]
    torch.stack([each.mean() for each in outputs]).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.001).step()
    print(dropgrid.audit(model, [images] * 4, forward=forward))


if __name__ == "__main__":
    main(*sys.argv[1:])
