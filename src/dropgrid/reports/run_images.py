"""Runs of which each line is one test image: their results by image, and a line a run."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dropgrid.errors import UserError
from dropgrid.reports.run_columns import chosen_columns, number, text_of
from dropgrid.store.published_values import CorrectImages

if TYPE_CHECKING:
    from pandas import DataFrame


def by_image(
    frame: "DataFrame", image: str, run: Sequence[str], metric: str, said: list[str]
) -> tuple["DataFrame", list[CorrectImages]]:
    """Return a table with a line a run, its metric the mean over images, and in the same order what each image adds.

    Args:
        frame: a line an image of a run.
        image: the column that names images.
        run: the columns that name a run.
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
    lines, found, names, first = [], [], None, ""
    for _, lines_of_run in frame.assign(**{metric: shares}).groupby([*run], sort=False, dropna=False):
        one = lines_of_run.sort_values(image, kind="stable")
        title = ", ".join(f"{column}={text_of(one[column].iloc[0])}" for column in run)
        ids = one[image].map(text_of).to_numpy(dtype=str)
        if len(twice := ids[:-1][ids[:-1] == ids[1:]]):
            raise UserError(f"{title} has image {twice[0]} twice: --row, --seed and --by name a run")
        if names is None:
            names, first = ids, title
        if not np.array_equal(ids, names):
            other = next(iter({*ids} ^ {*names}))
            raise UserError(f"{title} and {first} have other images, such as {other}: all runs have the same")
        lines.append(one.iloc[[0]].assign(**{metric: one[metric].mean()}))
        digest = hashlib.sha256("\0".join(ids).encode()).hexdigest()[:16]
        found.append(CorrectImages(one[metric].to_numpy(), digest))
    import pandas as pd

    if not found:
        raise UserError("there are no lines")
    said.append(f"{len(found)} runs of {len(found[0].right)} images each ({image}): intervals cover their choice.")

    return pd.concat(lines, ignore_index=True), found
