"""The common part of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): 60,000 colour images of 32×32 in pickled batches."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity

from dropgrid.data.official import AbstractOfficial


class AbstractCifar(AbstractOfficial):
    """50,000 training and 10,000 test images; arguments as in `AbstractOfficial`.

    A file is opened only if its md5 is the published one, which torchvision knows: a pickle can run any code.
    """

    train_total = 50_000
    test_total = 10_000
    channels = 3
    size = (32, 32)
    kind: type[CIFAR10]

    def md5s(self) -> dict[Path, str]:
        """The files, batches in their order and then the names of the classes, with their published md5."""
        meta = (self.kind.meta["filename"], self.kind.meta["md5"])
        listed = [*self.kind.train_list, *self.kind.test_list, meta]
        return {self.root / self.kind.base_folder / name: md5 for name, md5 in listed}

    def wanted(self) -> list[Path]:
        return list(self.md5s())

    def fetch(self) -> None:
        self.kind(self.root, download=True)

    def names(self) -> list[str]:
        return list(self.unpickle(self.files[-1])[self.kind.meta["key"]])

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        batches = [self.unpickle(path) for path in self.files[:-1]]
        labels = [batch["labels" if "labels" in batch else "fine_labels"] for batch in batches]
        return np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32), np.concatenate(labels)

    def unpickle(self, path: Path) -> dict[str, Any]:
        """The content of one file; ValueError names a corrupt one."""
        if not check_integrity(path, self.md5s()[path]):
            raise ValueError(f"{path} is corrupt: its md5 is not the published one; delete it and fetch it again")
        with path.open("rb") as file, warnings.catch_warnings():
            # the published files' dtypes say align=0; numpy 2.4.0 to 2.4.4 warn that it should be False
            warnings.filterwarnings("ignore", message=".*align should be passed", category=Warning)
            content: dict[str, Any] = pickle.load(file, encoding="latin1")
            return content
