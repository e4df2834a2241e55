"""Real digits, and a small network that has learned them: what augmentations are shown on."""

import tempfile
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dropgrid.data.mnist5k import Mnist5k
from dropgrid.data.split import Memory


class Learned(NamedTuple):
    """Stands in for the learner as the context of an augmentation."""

    network: nn.Module
    loss: Any
    mean: Tensor
    std: Tensor
    classes: int = 10


class Digits(NamedTuple):
    """A few images (N, 1, 28, 28), normalised, their classes, and the context to augment them in."""

    images: Tensor
    targets: Tensor
    context: Learned

    def shown(self, images: Tensor) -> Tensor:
        """Normalised images in [0, 1]."""
        return images * self.context.std + self.context.mean


@cache
def digits(count: int = 8) -> Digits:
    """The first so many of different classes, and two convolutions trained on 3,000 for three epochs."""
    with tempfile.TemporaryDirectory() as folder:
        train = Mnist5k(train=3000, val=1000, test=1000, split_seed=0, cache=folder).load().train
        assert isinstance(train, Memory)
        pool, targets = train.images.float() / 255, train.labels.clone()
    mean, std = pool.mean().view(1, 1, 1), pool.std().view(1, 1, 1)
    images = (pool - mean) / std
    first = [int((targets == label).nonzero()[0]) for label in (2, 7, 3, 5, 4, 6, 9, 1)[:count]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 10),
        )
        loss = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
        for _ in range(3):
            for batch in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                loss(network(images[batch]), targets[batch]).backward()
                optimizer.step()
    return Digits(images[first], targets[first], Learned(network.eval(), loss, mean, std))
