"""Runs of which each line is one test image: their results by image, and a line a run."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dropgrid.errors import UserError
from dropgrid.reports.run_columns import chosen_columns, number, text_of
from dropgrid.store.published_values import ImageValues

if TYPE_CHECKING:
    from pandas import DataFrame


def by_image(
    frame: "DataFrame", image: str, blocks: Sequence[str], run: Sequence[str], metric: str, said: list[str]
) -> tuple["DataFrame", list[ImageValues]]:
    """Return a table with a line a run, its metric the mean over images, and in the same order what each image adds.

    Args:
        frame: a line an image of a run.
        image: the column that names images.
        blocks: the columns that name a block, whose runs have the same images.
        run: the columns that name a run in it.
        metric: the column of results, 0 to 1 an image, such as whether it was classified correctly.
        said: what is to be told, a sentence each.

    Raises:
        UserError: a run that has an image twice or not at all, or a result that is no share.
    """
    chosen_columns(frame, "image", image, said)
    shares = frame[metric].map(lambda value: number(value, metric)).astype(float)
    if not shares.between(0, 1).all():
        raise UserError(
            f"--image {image}: {metric} is 0 to 1 of each image, such as whether it is right, got "
            f"{frame[metric][~shares.between(0, 1)].iloc[0]!r}"
        )
    lines, found = [], []
    first: dict[str, tuple[str, np.ndarray]] = {}  # block -> its first run, and the images of that
    for _, one in frame.assign(**{metric: shares}).groupby([*blocks, *run], sort=False, dropna=False):
        title, block = (", ".join(f"{name}={text_of(one[name].iloc[0])}" for name in each) for each in (run, blocks))
        ids = one[image].map(text_of).to_numpy(dtype=str)
        order = ids.argsort(kind="stable")
        ids, values = ids[order], one[metric].to_numpy()[order]
        if len(twice := ids[:-1][ids[:-1] == ids[1:]]):
            raise UserError(f"{title} has image {twice[0]} twice: --row, --seed and --by name a run")
        other, names = first.setdefault(block, (title, ids))
        if not np.array_equal(ids, names):
            apart = next(iter({*ids} ^ {*names}))
            raise UserError(
                f"{title} and {other} have other images, such as {apart}: runs that are compared share them"
            )
        lines.append(one.iloc[[0]].assign(**{metric: values.mean()}))
        found.append(ImageValues(values, hashlib.sha256("\0".join(ids).encode()).hexdigest()[:16]))
    import pandas as pd

    if not found:
        raise UserError("there are no lines")
    counts = sorted({len(each.values) for each in found})
    said.append(f"{len(found)} runs of {' or '.join(map(str, counts))} images ({image}): intervals cover their choice.")
    return pd.concat(lines, ignore_index=True), found
