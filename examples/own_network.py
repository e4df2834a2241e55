"""Add DropBlock to a network of your own: python examples/own_network.py [timm]

Append DropBlock to the last two stages of torchvision's ResNet-18 (or timm's, if it is installed). The layers have no
parameters and `append` renames nothing, so existing weights still load. A Lightning callback lowers keep_prob from 1
to 0.9 during training. The audit then measures what the layers drop.
"""

import sys
import warnings

import pytorch_lightning as pl
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import dropgrid
from dropgrid.callbacks.schedule import advance

warnings.filterwarnings("ignore", module="pytorch_lightning")


def network(library: str) -> nn.Module:
    """Return a library's ResNet-18 with DropBlock after its last two stages."""
    if library == "timm":
        import timm

        model = timm.create_model("resnet18", num_classes=4)
    else:
        model = torchvision.models.resnet18(num_classes=4)
    for stage in (model.layer3, model.layer4):
        stage.append(dropgrid.DropBlock2d(drop_prob=0.1, block_size=3, schedule="linear"))
    return model


class Training(pl.LightningModule):
    """An ordinary training loop, without any reference to dropgrid."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self.model(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)


def main(library: str) -> None:
    """Train a few steps on noise, then audit the network."""
    pl.seed_everything(0, verbose=False)
    loader = DataLoader(TensorDataset(torch.randn(64, 3, 96, 96), torch.arange(64) % 4), batch_size=16)
    model = network(library)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", callbacks=[dropgrid.DropSchedule()], **quiet)
    trainer.fit(Training(model), loader)
    print(dropgrid.audit(model, loader, advance=lambda progress: advance(model, progress)))


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["torchvision"]))
