"""lightning-hydra-template's MNISTDataModule with the images of a .npz file in place of torchvision's MNIST."""

from pathlib import Path

import numpy as np
from PIL import Image
from src.data.mnist_datamodule import MNISTDataModule
from torch.utils.data import Dataset
from torchvision.transforms import transforms


class Digits(Dataset):
    """Images one by one through a transform, as torchvision's MNIST gives them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform):
        self.images = images
        self.labels = labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


class DigitsDataModule(MNISTDataModule):
    """The loaders are inherited; `data_dir` holds digits.npz."""

    def prepare_data(self) -> None:
        pass

    def setup(self, stage: str | None = None) -> None:
        if self.data_train:
            return
        with np.load(Path(self.hparams.data_dir) / "digits.npz") as file:
            normalize = transforms.Normalize((float(file["mean"]),), (float(file["std"]),))
            transform = transforms.Compose([transforms.ToTensor(), normalize])
            self.data_train, self.data_val, self.data_test = (
                Digits(file[f"{part}_images"], file[f"{part}_labels"], transform)
                for part in ("train", "validation", "test")
            )
