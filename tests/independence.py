"""Whether the masks of several keys are independent of each other."""

import numpy as np
import scipy.stats

KEYS = 64
"""Consecutive keys whose masks are compared: 2016 pairs."""


def check_independent(masks):
    """Assert that masks (keys, images, cells) are independent between keys, whatever holds within an image.

    Images must be independent draws. Three tests: the totals vary from key to key as the images within a key say
    (chi-square); the cells of any two keys do not correlate; nor do the numbers of zeros of their images, which would
    betray a mask that is another's in a different order.
    """
    zeros = 1 - np.asarray(masks, dtype=float)
    keys, images, _ = zeros.shape
    numbers = zeros.sum(2)
    spread = ((numbers.sum(1) - numbers.sum(1).mean()) ** 2).sum() / (images * numbers.var(1, ddof=1).mean())
    check_chi_square(spread, keys - 1)
    above = np.triu_indices(keys, 1)
    centred = zeros - zeros.mean((0, 1))
    # one term for each image, since the cells of an image depend on each other
    terms = np.einsum("aic,bic->abi", centred, centred)[above]
    scores = terms.mean(1) / (terms.std(1) / images**0.5)
    for each in (scores, np.corrcoef(numbers)[above] * images**0.5):
        assert np.abs(each).max() < 5.5, np.abs(each).max()
        check_chi_square((each**2).sum(), len(each))


def check_chi_square(value, degrees):
    """Assert that a number is neither too large nor too small for chi-square."""
    below = scipy.stats.chi2.cdf(value, degrees)
    assert 1e-4 < below < 1 - 1e-4, (value, degrees)
