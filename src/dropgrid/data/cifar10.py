"""CIFAR-10 (Krizhevsky, 2009): 32×32 colour images of 10 classes, 6,000 each."""

from torchvision import datasets

from dropgrid.data.cifar import AbstractCifar


class Cifar10(AbstractCifar):
    """Reads `cifar-10-batches-py`; arguments as in `AbstractOfficial`."""

    title = "CIFAR-10"
    kind = datasets.CIFAR10
