"""MNIST (LeCun, Bottou, Bengio, Haffner, 1998): 28×28 grey images of 10 handwritten digits."""

from torchvision import datasets

from dropgrid.data.idx import AbstractIdx


class Mnist(AbstractIdx):
    """Reads the four files of `AbstractIdx`. The classes are numbered by the digit."""

    title = "MNIST"
    kind = datasets.MNIST

    def names(self) -> list[str]:
        return list("0123456789")
