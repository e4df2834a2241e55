"""Scheduled layers in a network of one's own."""

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from dropgrid.callbacks.schedule import DropSchedule, advance
from dropgrid.regularizers.dropblock import DropBlock2d

QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.drop, self.fixed = DropBlock2d(0.4, 3, schedule="linear"), DropBlock2d(0.3, 3)
        self.head = nn.Linear(8 * 8, 2)
        self.levels = []

    def training_step(self, batch, _):
        self.levels.append((float(self.drop.drop_prob), float(self.fixed.drop_prob)))
        return self.head(self.fixed(self.drop(batch[0])).flatten(1)).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)


def test_progress_sets_the_level():
    net = Net()
    for progress, level in ((0.0, 0.0), (0.25, 0.1), (1.0, 0.4)):
        advance(net, progress)
        assert float(net.drop.drop_prob) == pytest.approx(level) and float(net.fixed.drop_prob) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="progress must be a number in"):
        advance(net, 1.5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_lightning_goes_from_0_to_the_rate_over_the_whole_fit(accumulate):
    net = Net()
    loader = DataLoader(TensorDataset(torch.randn(24, 1, 8, 8)), 4)
    about = {"max_epochs": 2, "accelerator": "cpu", "accumulate_grad_batches": accumulate}
    trainer = pl.Trainer(callbacks=[DropSchedule()], **about, **QUIET)
    trainer.fit(net, loader)
    scheduled = [level for level, _ in net.levels][::accumulate]
    steps = 12 // accumulate
    assert scheduled == pytest.approx([0.4 * step / (steps - 1) for step in range(steps)])
    assert [fixed for _, fixed in net.levels] == pytest.approx([0.3] * 12)


class Stream(IterableDataset):
    """Six batches, of which nobody knows how many they are."""

    def __iter__(self):
        return iter(torch.randn(6, 4, 1, 8, 8).unsqueeze(1))


@pytest.mark.parametrize("limits", [{"max_epochs": 2}, {"max_epochs": -1}])
def test_a_fit_of_unknown_length_is_told_its_steps(limits):
    def trainer(callback):
        return pl.Trainer(callbacks=[callback], accelerator="cpu", **limits, **QUIET)

    net, loader = Net(), DataLoader(Stream(), batch_size=None)
    with pytest.raises(ValueError, match=r"give DropSchedule\(steps=…\)"):
        trainer(DropSchedule()).fit(net, loader)
    if limits["max_epochs"] > 0:
        trainer(DropSchedule(steps=12)).fit(net, loader)
        assert [level for level, _ in net.levels] == pytest.approx([0.4 * step / 11 for step in range(12)])


def test_a_length_known_by_its_steps_alone():
    net, loader = Net(), DataLoader(Stream(), batch_size=None)
    pl.Trainer(callbacks=[DropSchedule()], accelerator="cpu", max_epochs=-1, max_steps=8, **QUIET).fit(net, loader)
    assert [level for level, _ in net.levels] == pytest.approx([0.4 * step / 7 for step in range(8)])


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3"])
def test_steps_that_cannot_be(steps):
    with pytest.raises(ValueError, match="steps must be a whole number, 1 or more"):
        DropSchedule(steps=steps)
