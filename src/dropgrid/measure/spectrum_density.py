"""Densities of spectra that are known at nodes with weights."""

from collections.abc import Sequence

import numpy as np

PLACES = 600


def density(nodes: np.ndarray, weights: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Σ weight · normal density of that width around each node, at each place."""
    distance = (at[:, None] - nodes[None]) / width
    found: np.ndarray = (np.exp(-(distance**2) / 2) @ weights) / (width * np.sqrt(2 * np.pi))
    return found


def places(ends: Sequence[float], share: float) -> np.ndarray:
    """Evenly spaced over all ends, and so large a share of that beyond each side."""
    low, high = min(ends), max(ends)
    air = share * (high - low) or 0.5
    return np.linspace(low - air, high + air, PLACES)
