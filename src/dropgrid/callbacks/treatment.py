"""The drop-rate check: what every site really dropped, against the exact expectation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.sites import AbstractRandom, drops
from dropgrid.treatment import strayed


class Treatment(Callback):
    """Count what each site dropped (or moved, by noise) over training, and compare the fraction with its expectation.

    nominal: mean of the scheduled level (drop_prob, or std) over the steps taken. expected: mean over those steps of
    the closed form for the site's map (`AbstractRandom.expected`). realised: zeros of all masks / cells of all masks.
    stderr: from independent draws, not cells. A site is flagged if realised and expected are more than 5 standard
    errors apart, or if it never ran. A site whose count has no closed form has no entry.

    Args:
        shapes: site -> (C, …), from `dropgrid.sites.shapes`.
        batch_size: images in a micro-batch.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], batch_size: int):
        self.shapes = shapes
        self.batch_size = batch_size
        self.dropped: dict[str, int] = dict.fromkeys(shapes, 0)
        self.seen: dict[str, int] = dict.fromkeys(shapes, 0)
        self.epoch_fractions: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"dropped": self.dropped, "seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.dropped, self.seen = state_dict["dropped"], state_dict["seen"]

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        for site, drop in drops(learner).items():
            dropped, seen = int(drop.dropped), int(drop.seen)
            self.dropped[site] += dropped
            self.seen[site] += seen
            self.epoch_fractions[f"drop/{site}"] = dropped / seen if seen else float("nan")
            drop.dropped.zero_()
            drop.seen.zero_()

    def report(self, sites: Mapping[str, AbstractRandom], taken: int, steps: int, micro: int = 1) -> dict[str, Any]:
        """Return the entry of `result.json`: a line for each site, and the names of the flagged ones.

        `taken` of `steps` optimizer steps were made, each of `micro` micro-batches.
        """
        lines = [self.line(site, drop, taken, steps, micro) for site, drop in sites.items() if drop.counts]
        return {"sites": lines, "flagged": [line["site"] for line in lines if line["flagged"]]}

    def line(self, site: str, drop: AbstractRandom, taken: int, steps: int, micro: int) -> dict[str, Any]:
        """Return one site's nominal, expected and realised fractions."""
        shape = self.shapes[site]
        levels, times = drop.levels_over(taken, steps)
        expected = float(np.average(drop.expected(shape, levels), weights=times))
        variance = float(np.average(drop.variance(shape, levels), weights=times))
        stderr = (variance / (taken * micro * drop.draws(self.batch_size))) ** 0.5
        seen = self.seen[site]
        realised = self.dropped[site] / seen if seen else None
        return {
            "site": site,
            "kind": type(drop).__name__,
            "counts": drop.counts,
            "shape": list(shape),
            "schedule": drop.schedule,
            "nominal": float(np.average(levels, weights=times)),
            "expected": expected,
            "realised": realised,
            "stderr": stderr,
            "clamped": drop.clamped(shape),
            "flagged": strayed(realised, expected, stderr),
        }
