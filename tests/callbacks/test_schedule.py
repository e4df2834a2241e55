"""Scheduled layers in a network of one's own."""

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dropgrid.callbacks.schedule import DropSchedule, advance
from dropgrid.regularizers.dropblock import DropBlock2d


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
    with pytest.raises(ValueError, match="progress must be in"):
        advance(net, 1.5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_lightning_goes_from_0_to_the_rate_over_the_whole_fit(accumulate):
    net = Net()
    loader = DataLoader(TensorDataset(torch.randn(24, 1, 8, 8)), 4)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    about = {"max_epochs": 2, "accelerator": "cpu", "accumulate_grad_batches": accumulate}
    trainer = pl.Trainer(callbacks=[DropSchedule()], **about, **quiet)
    trainer.fit(net, loader)
    scheduled = [level for level, _ in net.levels][::accumulate]
    steps = 12 // accumulate
    assert scheduled == pytest.approx([0.4 * step / (steps - 1) for step in range(steps)])
    assert [fixed for _, fixed in net.levels] == pytest.approx([0.3] * 12)
