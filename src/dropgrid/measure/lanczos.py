"""Lanczos: the spectrum of a symmetric operator from its products with vectors."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from dropgrid.measure.trained_cell import DoesNotApply


class Ritz(NamedTuple):
    """Approximate eigenvalues from lowest to highest, their weights (of sum 1), and bounds on their errors.

    Σ weights · f(values) is Gauss quadrature of vᵀf(A)v for the unit start v; each eigenvalue of A nearest to a value
    is within its bound.
    """

    values: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray


def lanczos(apply: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> Ritz:
    """Return the Ritz values of v -> A v in the Krylov space of `start` (n,), with two full reorthogonalizations.

    Memory: iterations · n numbers. Stops early if the space is exhausted, after n steps at the latest.

    Raises:
        DoesNotApply: A v is not finite.

    Source: Golub and Welsch 1969; Ubaru, Chen, Saad, SIAM J. Matrix Anal. Appl. 2017 (stochastic Lanczos quadrature).
    """
    most = min(iterations, start.numel())
    basis = start.new_zeros(most, start.numel())
    unit = start / start.norm()
    diagonal: list[float] = []
    beside: list[float] = []
    for index in range(most):
        basis[index] = unit
        image = apply(unit)
        if not bool(image.isfinite().all()):
            raise DoesNotApply("derivatives of this network are not finite")
        diagonal.append(float(unit @ image))
        known = basis[: index + 1]
        for _ in range(2):
            image = image - known.T @ (known @ image)
        beside.append(float(image.norm()))
        if beside[-1] <= 10 * torch.finfo(start.dtype).eps * max(map(abs, (*diagonal, *beside[:-1]))):
            break
        unit = image / beside[-1]
    values, vectors = eigh_tridiagonal(np.array(diagonal), np.array(beside[:-1]))
    rounding = torch.finfo(start.dtype).eps * float(np.abs(values).max())
    return Ritz(values, vectors[0] ** 2, np.abs(beside[-1] * vectors[-1]).clip(min=rounding))


def random_signs(count: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Return a vector (count,) of random signs: its quadrature is, in expectation, the mean over all eigenvalues."""
    return (2 * torch.randint(2, (count,), generator=generator) - 1).to(like)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Return the smallest value below or at which a share of the total weight lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(below, share - 1e-9)), len(values) - 1)])
