"""A learner without a training, whose epoch's numbers a test sets."""

import pytest
import torch

from dropgrid.data.preparation import Preparation
from dropgrid.learner import Learner
from dropgrid.penalties.none import NoPenalty
from dropgrid.tasks.classification import Classification


class At:
    """The part of Lightning's trainer that callbacks read."""

    def __init__(self, epoch=0, step=0):
        self.current_epoch, self.global_step, self.max_epochs = epoch, step, 5
        self.is_global_zero, self.world_size = True, 1


@pytest.fixture
def at():
    return At


@pytest.fixture
def learner(monkeypatch):
    made = Learner(
        torch.nn.Linear(2, 2),
        objective=Classification(),
        loss=torch.nn.CrossEntropyLoss(),
        optimizer=None,
        lr_schedule=None,
        augment=None,
        penalty=NoPenalty(),
        prepare=Preparation(torch.zeros(1), torch.ones(1)),
        classes=2,
        seed=0,
    )
    made.row = {}  # type: ignore[assignment]  # an attribute of the test's own
    monkeypatch.setattr(Learner, "epoch_metrics", lambda self: self.row)
    return made
