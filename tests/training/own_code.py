"""What strangers bring: a function that trains, a LightningModule, its data. Found by path, as theirs would be."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def fit(config, seed, folder):
    """A training whose accuracy is known; it counts its calls in its folder."""
    calls = folder / "calls"
    calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
    if config.get("fails"):
        raise RuntimeError("it broke")
    drawn = float(torch.rand(()))  # torch is seeded
    return {
        "accuracy": config["base"] + 0.01 * seed,
        "val": -config["base"],
        "drawn": drawn,
        "calls": calls.stat().st_size,
    }


def give(config, seed, folder):
    """Whatever the config holds."""
    return config["gives"]


def takes_too_little(config):
    return {}


def examples(seed, count):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 6, 6, generator=generator)
    return TensorDataset(images, (images.mean((1, 2, 3)) > 0).long())


class Data(pl.LightningDataModule):
    def __init__(self, batch_size, generator=False):
        super().__init__()
        self.size, self.own = batch_size, {"generator": torch.Generator().manual_seed(5)} if generator else {}

    def train_dataloader(self):
        return DataLoader(examples(0, 96), self.size, shuffle=True, **self.own)

    def val_dataloader(self):
        return DataLoader(examples(1, 32), 32)

    def test_dataloader(self):
        return DataLoader(examples(2, 32), 32)


def loaders(batch_size):
    """Loaders of the same data as a mapping, without one for a test."""
    data = Data(batch_size)
    return {"train": data.train_dataloader(), "val": data.val_dataloader()}


class Module(pl.LightningModule):
    """Random in the ways of Lightning's users: dropout, noise in the step, shuffled data; and a schedule by epoch."""

    def __init__(self, body, optimizer=None, p=0.25):
        super().__init__()
        self.save_hyperparameters(ignore=["body"])
        self.body, self.drop, self.head, self.make = body, nn.Dropout(p), nn.Linear(36, 2), optimizer

    def forward(self, images):
        return self.head(self.drop(self.body(images).flatten(1)))

    def measured(self, batch, phase):
        images, targets = batch
        images = images + 0.1 * torch.randn_like(images) if phase == "train" else images
        outputs = self(images)
        self.log(f"{phase}_acc", (outputs.argmax(1) == targets).float().mean())
        return nn.functional.cross_entropy(outputs, targets)

    def training_step(self, batch, index):
        return self.measured(batch, "train")

    def validation_step(self, batch, index):
        self.measured(batch, "val")

    def test_step(self, batch, index):
        self.measured(batch, "test")

    def configure_optimizers(self):
        made = self.make(self.parameters()) if self.make else torch.optim.SGD(self.parameters(), 0.1)
        return [made], [torch.optim.lr_scheduler.StepLR(made, 1, gamma=0.5)]


def convolution(channels):
    return nn.Conv2d(1, channels, 3, padding=1)


class AlwaysOn(Module):
    """Its dropout is on in eval too: an error that the audit finds."""

    def forward(self, images):
        return self.head(nn.functional.dropout(self.body(images).flatten(1), 0.5))


class LogsLater(Module):
    """It logs a number from the second epoch on, and one of a name that dropgrid has too."""

    def training_step(self, batch, index):
        self.log("step", float("nan"))
        if self.current_epoch:
            self.log("later", float(self.current_epoch))
        return super().training_step(batch, index)


class KeepsItsBest(Module):
    """It keeps a checkpoint of its own and calls a logger, as Lightning's users do."""

    def configure_callbacks(self):
        return [ModelCheckpoint(monitor="val_acc", mode="max", filename="best"), LearningRateMonitor()]

    def on_train_epoch_end(self):
        self.logger.experiment.add_histogram("weights", self.head.weight, self.current_epoch)
