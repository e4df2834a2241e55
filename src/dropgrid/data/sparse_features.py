"""Synthetic sparse features of very unequal frequency, the case that Adagrad is for: no file is read."""

import os

import torch
from torch import Tensor

from dropgrid import checks, streams
from dropgrid.data.cache import digest
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Memory, Splits, moments

STEPS = 2**24
"""Probabilities are whole multiples of 1 / STEPS: one draw of a whole number decides a feature."""


class SparseFeatures(AbstractSource):
    """Features that are on or off, and a label drawn by a softmax model in which all have weights of one size.

    Feature k = 1 … D is on with probability p_k = min(most, rate / k^exponent), each by itself; it is pixel k of the
    image in the order of rows, 255 or 0, D = H · W. The label is drawn from softmax(W (x - p)), x in {0, 1}^D and W
    (classes, D) of entries ±weight, their signs by chance: of what is seen once in a hundred images one occurrence says
    as much as of what is seen in every second. Classes are about equally common, because x - p has mean 0.

    With the values of the YAML an image has 11.5 features on, the rarest is on in 0.4 % of images, and whoever knows W
    is right about 90 % of the time (Bayes accuracy), with the 128 most common features alone 58 %. The same images come
    on every machine, and more of them begin with the same.

    Args:
        classes: how many.
        size: (H, W), or one number for both, in pixels.
        most: the highest probability, in (0, 1).
        rate, exponent: of the power law, above 0 and 0 or more.
        weight: of a feature, above 0: the larger, the higher the Bayes accuracy.
        train, val, test: counts of images.
        cache: not needed: nothing is read.

    Raises:
        ValueError: a value outside these, or a feature that would be on less than once in 10^6 images.

    Source: Duchi, Hazan, Singer, JMLR 2011, §1.3, where features are in {-1, 0, 1} and the loss is a hinge loss.
    """

    def __init__(
        self,
        *,
        classes: int,
        size: int | list[int],
        most: float,
        rate: float,
        exponent: float,
        weight: float,
        train: int,
        val: int,
        test: int,
        cache: os.PathLike[str] | str,
    ):
        height, width = [size, size] if isinstance(size, int) else size
        for name, value, least in (
            ("classes", classes, 2),
            ("size", height, 1),
            ("size", width, 1),
            ("train", train, 1),
            ("val", val, 0),
            ("test", test, 1),
        ):
            checks.whole_number(f"data.{name}", value, least)
        checks.number("data.most", most, above=0, below=1)
        checks.number("data.rate", rate, above=0)
        checks.number("data.exponent", exponent, least=0)
        checks.number("data.weight", weight, above=0)
        digits = len(str(classes - 1))
        names = tuple(f"{k:0{digits}d}" for k in range(classes))
        self.about = Spec(names, 1, (height, width), train, val, test)
        self.law, self.weight = (float(most), float(rate), float(exponent)), float(weight)
        rarest = rate / (height * width) ** exponent
        if rarest < 1e-6:
            raise ValueError(
                f"the rarest of {height * width} features would be on in a share of {rarest:.1g} of images, below "
                "1e-6: data.rate must be higher, or data.exponent or data.size lower"
            )

    def spec(self) -> Spec:
        return self.about

    def fingerprint(self) -> str:
        return digest("sparse_features", repr((self.about, self.law, self.weight)))

    def load(self) -> Splits:
        train = self.draw("train", self.about.train)
        return Splits(train, self.draw("val", self.about.val), self.draw("test", self.about.test), *moments(train))

    def thresholds(self) -> Tensor:
        """int64 (D,): p_k · STEPS, rounded."""
        most, rate, exponent = self.law
        height, width = self.about.size
        shares = [min(most, rate / k**exponent) for k in range(1, height * width + 1)]
        return torch.tensor([round(share * STEPS) for share in shares])

    def weights(self) -> Tensor:
        """W, float64 (classes, D)."""
        height, width = self.about.size
        shape = (len(self.about.classes), height * width)
        signs = torch.randint(2, shape, generator=streams.generator(0, "sparse_features", "weights"))
        return self.weight * (2.0 * signs.double() - 1)

    def logits(self, images: Tensor) -> Tensor:
        """W (x - p), float64 (N, classes), of uint8 images (N, 1, H, W)."""
        centred = (images.flatten(1) > 0).double() - self.thresholds() / STEPS
        return centred @ self.weights().T

    def draw(self, split: str, count: int) -> Memory:
        """The images of one split."""
        generator = streams.generator(0, "sparse_features", split)
        thresholds = self.thresholds()
        on = torch.randint(STEPS, (count, len(thresholds)), generator=generator) < thresholds
        images = 255 * on.to(torch.uint8).view(count, 1, *self.about.size)
        levels = torch.rand(count, 1, generator=streams.generator(0, "sparse_features", split, "labels")).double()
        labels = (self.logits(images).softmax(1).cumsum(1) <= levels).sum(1)
        return Memory(images, labels.clamp(max=len(self.about.classes) - 1))
