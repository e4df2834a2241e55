"""Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017, arXiv 1708.07747): 28×28 grey images of 10 classes, 7,000 each."""

from pathlib import Path

from torchvision import datasets

from dropgrid.data.idx import AbstractIdx


class FashionMnist(AbstractIdx):
    """Reads the four files of `AbstractIdx`, also those of Debian's package dataset-fashion-mnist.

    Differs from the published labels: they number the classes sorted by name, as in every other data set here.
    """

    title = "Fashion-MNIST"
    kind = datasets.FashionMNIST
    installed = Path("/usr/share/datasets/fashion-mnist")
    package = "apt-get install dataset-fashion-mnist"
