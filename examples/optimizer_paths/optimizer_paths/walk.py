"""Paths of optimizers over a surface, recorded whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optimizer_paths.options import Make, Point
from optimizer_paths.surface import Surface


@dataclass(frozen=True)
class Walk:
    """A path: points (T + 1, 2) from the start on, the loss and the surface's gauge at each (T + 1).

    arrived: the step from which it is at the goal to its end. stopped: the step at which it left the bound, or was no
    number any more; a point that is none is not among `points`.
    """

    rate: float
    points: np.ndarray
    losses: np.ndarray
    gauges: np.ndarray
    arrived: int | None
    stopped: int | None

    @property
    def steps(self) -> int:
        """How many were recorded."""
        return len(self.points) - 1

    @property
    def diverged(self) -> bool:
        """Whether it left without having arrived."""
        return self.stopped is not None and self.arrived is None

    @property
    def travelled(self) -> np.ndarray:
        """The points up to where it arrived, or all."""
        return self.points if self.arrived is None else self.points[: self.arrived + 1]


class Track:
    """A path while it is walked."""

    def __init__(self, surface: Surface, start: tuple[float, float], rate: float, make: Make):
        self.surface, self.rate, self.point = surface, rate, Point(start)
        self.optimizer = make(self.point)
        self.points: list[list[float]] = []
        self.losses: list[float] = []
        self.gauges: list[float] = []
        self.arrived: int | None = None
        self.stopped: int | None = None

    def record(self, at: list[float], loss: float, gauge: float) -> None:
        """Where it stands now."""
        step = len(self.points)
        finite = bool(np.isfinite([*at, loss]).all())
        if finite:
            self.points.append(at)
            self.losses.append(loss)
            self.gauges.append(gauge)
        inside = finite and self.surface.inside(*at)
        if not inside:
            self.stopped = step
            return
        there = self.surface.reached(gauge)
        self.arrived = (step if self.arrived is None else self.arrived) if there else None

    def walk(self) -> Walk:
        """What was recorded."""
        points, losses, gauges = (np.array(each) for each in (self.points, self.losses, self.gauges))
        return Walk(self.rate, points, losses, gauges, self.arrived, self.stopped)


def walks(
    surface: Surface,
    start: tuple[float, float],
    makers: Mapping[Any, tuple[float, Make]],
    steps: int,
) -> dict[Any, Walk]:
    """Walk each of `makers` (rate, and what makes its optimizer) for `steps` steps.

    The gradients of all are taken at once, the steps are each optimizer's own.
    """
    tracks = {key: Track(surface, start, rate, make) for key, (rate, make) in makers.items()}
    live = list(tracks.values())
    for step in range(steps + 1):
        here = torch.stack([each.point.position for each in live])
        losses = surface.function(*here.unbind(1))
        gauges = surface.gauge(*here.detach().unbind(1))
        for each, *recorded in zip(live, here.tolist(), losses.tolist(), gauges.tolist(), strict=True):
            each.record(*recorded)
        going = [each for each in live if each.stopped is None]
        if not going or step == steps:
            break
        for each in live:
            each.optimizer.zero_grad()
        losses.sum().backward()
        for each in going:
            each.optimizer.step()
        live = going
    return {key: each.walk() for key, each in tracks.items()}
