"""CIFAR-100 (Krizhevsky, 2009): 32×32 colour images of 100 classes, 600 each; the fine labels."""

from torchvision import datasets

from dropgrid.data.cifar import AbstractCifar


class Cifar100(AbstractCifar):
    """Reads `cifar-100-python`; arguments as in `AbstractOfficial`."""

    title = "CIFAR-100"
    kind = datasets.CIFAR100
