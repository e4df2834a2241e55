"""1,797 handwritten digits of 8×8 pixels (Alpaydin and Kaynak, UCI, 1998), as scikit-learn ships them."""

from functools import cached_property
from pathlib import Path

import numpy as np

from dropgrid.data.embedded import AbstractEmbedded, package_file


class Digits(AbstractEmbedded):
    """1,797 grey images of 8×8 pixels, their scale of 0 to 16 made 0 to 255; arguments as in `AbstractEmbedded`."""

    total = 1797
    size = (8, 8)

    @cached_property
    def file(self) -> Path:
        return package_file("sklearn", "datasets/data/digits.csv.gz")

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.images * (255 / 16), digits.target
