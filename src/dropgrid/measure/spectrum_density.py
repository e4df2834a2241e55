"""Densities of spectra that are given as weighted nodes."""

from collections.abc import Sequence

import numpy as np

PLACES = 600


def density(nodes: np.ndarray, weights: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Return Σ weight · normal density of that width around each node, at each place."""
    distance = (at[:, None] - nodes[None]) / width
    found: np.ndarray = (np.exp(-(distance**2) / 2) @ weights) / (width * np.sqrt(2 * np.pi))
    return found


def density_places(ends: Sequence[float], share: float) -> np.ndarray:
    """Return evenly spaced places over all ends and, beyond each side, `share` of their range."""
    low, high = min(ends), max(ends)
    air = share * (high - low) or 0.5
    return np.linspace(low - air, high + air, PLACES)
