"""A picture for each option: drawn by running it; its caption is the docstring of what draws it."""

import inspect
from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from manual.options import Option
from manual.pictures import (
    activations,
    averages,
    descents,
    features,
    images,
    noise,
    norms,
    optimizers,
    paths,
    penalties,
    schedules,
    starts,
    strips,
    targets,
    weights,
)


class Picture(NamedTuple):
    """What draws an option, and the line under it."""

    draw: Callable[[Option], Figure]

    @property
    def caption(self) -> str:
        """What one sees."""
        return " ".join((inspect.getdoc(self.draw) or "").split())


DRAWN: dict[tuple[str, str], Callable[[Option], Figure]] = {
    ("regularizer", "dropblock"): features.blocks,
    ("regularizer", "spatial_dropout"): features.channels,
    ("regularizer", "drop_path"): paths.drop_path,
    ("regularizer", "shakedrop"): paths.shakedrop,
    ("regularizer", "drop_connect"): weights.drop_connect,
    ("regularizer", "weight_noise"): weights.weight_noise,
    ("regularizer", "activation_noise"): noise.activation_noise,
    ("augment", "crop_flip"): images.crop_flip,
    ("augment", "cutout"): images.cutout,
    ("augment", "random_erasing"): images.random_erasing,
    ("augment", "autoaugment"): images.autoaugment,
    ("augment", "randaugment"): images.randaugment,
    ("augment", "mixup"): images.mixed,
    ("augment", "cutmix"): images.mixed,
    ("augment", "adversarial"): images.adversarial,
    ("penalty", "max_norm"): penalties.projected,
    ("average", "swa"): averages.swa,
    ("norm", "group"): norms.grouped,
    ("norm", "weight"): norms.lengths,
    ("norm", "spectral"): norms.singular,
    ("norm", "weight_standardization"): norms.standardized,
    ("init", "checkpoint"): starts.from_file,
    ("init", "fixup"): starts.in_branches,
    ("optimizer", "muon"): optimizers.muon,
    ("optimizer", "sam"): optimizers.sam,
    ("optimizer", "soap"): optimizers.soap,
    ("lr_schedule", "plateau"): schedules.by_validation,
}

OTHERWISE: dict[str, Callable[[Option], Figure]] = {
    "regularizer": features.units,
    "augment": images.before_and_after,
    "penalty": penalties.in_two_weights,
    "average": averages.ema,
    "loss": targets.smoothed,
    "model": strips.stages,
    "norm": norms.normalized,
    "activation": activations.bent,
    "init": starts.by_depth,
    "optimizer": descents.paths,
    "lr_schedule": schedules.scheduled,
}
"""Of an option that has none of its own."""


def picture(option: Option) -> Picture:
    """The option's."""
    return Picture(DRAWN.get((option.axis, option.name), OTHERWISE[option.axis]))
