"""How an optimizer is drawn, the same in every picture: ten colours and ten markers, so that none repeats among ten."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dropgrid.plotting.style import CYCLE, DASHES, MARKERS
from optimizer_paths.surface import Surface
from optimizer_paths.walk import Walk

COLOURS = (*CYCLE, "#882255", "#8A8A00", "#6B3E26")
"""The house's seven, and wine, olive and brown."""

MARKS = (*MARKERS, "<", ">")

APART = 0.055
"""Marks of a path are at least this far from one another, as a share of the window."""

LIMIT = 30.0
"""Windows: a point farther outside is drawn this far outside."""


def looks(names: Sequence[str]) -> dict[str, tuple[str, str, Any]]:
    """Colour, marker and dash of each name, by its place."""
    count = len(COLOURS)
    return {
        name: (COLOURS[i % count], MARKS[i % count], DASHES[(i + i // count) % len(DASHES)])
        for i, name in enumerate(names)
    }


def alike(walks: Mapping[str, Walk]) -> list[list[str]]:
    """The names, those together that went the same way: Adam and AdamW without weight decay."""
    groups: list[list[str]] = []
    for name, walk in walks.items():
        for group in groups:
            other = walks[group[0]].points
            if other.shape == walk.points.shape and np.allclose(other, walk.points, rtol=1e-6, atol=1e-9):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def drawn(walk: Walk, surface: Surface) -> np.ndarray:
    """The points, those far outside the window brought nearer, where they still are outside."""
    left, right, bottom, top = surface.window
    corner, size = np.array([left, bottom]), np.array([right - left, top - bottom])
    found: np.ndarray = np.clip(walk.points, corner - LIMIT * size, corner + (1 + LIMIT) * size)
    return found


def marked(points: np.ndarray, surface: Surface) -> list[int]:
    """The points that get a mark: none beside another of its path, so that one that circles is no blot."""
    left, right, bottom, top = surface.window
    where = (points - (left, bottom)) / (right - left, top - bottom)
    kept: list[int] = []
    for index in np.flatnonzero(((where >= 0) & (where <= 1)).all(axis=1)):
        if index and (not kept or np.linalg.norm(where[kept] - where[index], axis=1).min() > APART):
            kept.append(int(index))
    return kept
