"""dropgrid's `resnet14_mnist` and `resnet20` in plain PyTorch, with torchvision's DropBlock: what all peers train.

Parameters have the same names, so weights go from one to the other. DropBlock acts in the last two groups, after each
convolution's norm (and activation, where one follows), not on shortcuts.
"""

import torch
from torch import Tensor, nn
from torchvision.ops import DropBlock2d


def drop_block(drop_prob: float, block_size: int) -> nn.Module:
    """torchvision's, or nothing."""
    return DropBlock2d(drop_prob, block_size) if drop_prob else nn.Identity()


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut without parameters (option A of He et al., CVPR 2016, §3.3)."""

    def __init__(self, inputs: int, width: int, stride: int, drop_prob: float, block_size: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.drop1 = drop_block(drop_prob, block_size)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.drop2 = drop_block(drop_prob, block_size)
        self.stride = stride
        self.new_channels = width - inputs

    def shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1 and self.new_channels == 0:
            return x
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], [0, 0, 0, 0, 0, self.new_channels])

    def forward(self, x: Tensor) -> Tensor:
        branch = self.drop1(torch.relu(self.bn1(self.conv1(x))))
        branch = self.drop2(self.bn2(self.conv2(branch)))
        return torch.relu(branch + self.shortcut(x))


def group(inputs: int, width: int, blocks: int, stride: int, drop_prob: float, block_size: int) -> nn.Sequential:
    """Blocks of one width, the first with the stride."""
    first = Block(inputs, width, stride, drop_prob, block_size)
    return nn.Sequential(first, *(Block(width, width, 1, drop_prob, block_size) for _ in range(blocks - 1)))


class Net(nn.Module):
    """(N, 1, 28, 28) -> (N, 10). Starts as dropgrid's does: Kaiming by fan_out, the classifier with std 1 / √inputs."""

    def __init__(
        self,
        drop_prob: float = 0.0,
        block_size: int = 3,
        blocks: int = 2,
        stem_stride: int = 2,
        last_stride: int = 1,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = group(16, 16, blocks, 1, 0.0, block_size)
        self.layer2 = group(16, 32, blocks, 2, drop_prob, block_size)
        self.layer3 = group(32, 64, blocks, last_stride, drop_prob, block_size)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.fc.weight, std=self.fc.in_features**-0.5)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))
