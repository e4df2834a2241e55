"""Drawing splits in which every class has its share."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from dropgrid import checks, streams


def stratified(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of all the images in which every stretch holds each class in proportion, random within a class.

    Image j of the n of its class, as drawn, stands at (j + 1/2) / n; equals go by class. Splits that are consecutive
    stretches of it are thus disjoint, a shorter one is part of a longer one that begins there, and with equally large
    classes the counts of any stretch differ by at most 1.

    Args:
        labels: int64 (N,).
        seed: of the draw; stream `split`, by class.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        drawn = torch.randperm(len(mine), generator=streams.generator(seed, "split", int(label))).numpy()
        place[mine[drawn]] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.lexsort((labels, place))


def consecutive(order: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Stretches of an order, one after another: the first does not depend on the sizes of those behind it."""
    ends = np.cumsum([0, *sizes])
    assert ends[-1] <= len(order)
    return [order[start:end] for start, end in pairwise(ends)]


def size_of(name: str, wanted: float, total: int) -> int:
    """Return a split's count of images: `wanted` itself, or `total` times a share below 1 (rounded)."""
    if checks.is_number(wanted) and 0 <= wanted and (wanted < 1 or isinstance(wanted, int)):
        return round(wanted * total) if isinstance(wanted, float) else wanted
    raise ValueError(f"data.{name} must be a count of images or a share of them in [0, 1), got {wanted!r}")


def sizes_of(total: int, **wanted: float | None) -> dict[str, int]:
    """The splits' counts of images; `train=None` is what the others leave.

    Raises ValueError if the set is too small, or training (or a test) would have no image.
    """
    sizes = {name: size_of(name, each, total) for name, each in wanted.items() if each is not None}
    left = total - sum(sizes.values())
    sizes = {name: sizes.get(name, left) for name in wanted}
    asked = ", ".join(f"data.{name}={wanted[name]}" for name in wanted)
    if left < 0 or sizes["train"] < 1:
        raise ValueError(f"{asked} do not fit: there are {total} images to divide, and training needs at least 1")
    if sizes.get("test") == 0:
        raise ValueError(f"{asked}: a test set needs at least 1 image")
    return sizes


def divided(labels: np.ndarray, seed: int, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Rows of each split: the test set is drawn first, then validation, then training.

    So the test set is the same whatever the sizes of the others, and validation whatever that of training. Training
    rows are in ascending order; the others in the order drawn, of which a batch holds all classes, should a norm use
    the batch's own statistics there.
    """
    drawn = [name for name in ("test", "val", "train") if name in sizes]
    stretches = consecutive(stratified(labels, seed), [sizes[name] for name in drawn])
    found = dict(zip(drawn, stretches, strict=True))
    return {**found, "train": np.sort(found["train"])}
