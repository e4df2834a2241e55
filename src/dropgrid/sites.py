"""The sites of a network at which regularizers act, and the base classes of the random modules there.

A network names its sites; a regularizer option is a function `site -> nn.Module` that returns `nn.Identity()`
wherever it does not act. Networks know no regularizer and regularizers know no network.

The command line and YAML use keep_prob; `drop_prob_of` converts it, and the library uses drop_prob.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.level_schedules import parse_schedule
from dropgrid.masks.uniform import mixed_key, normal
from dropgrid.treatment import DROPPED, MOVED

PLACES = ("input", "conv", "hidden", "sequence", "recurrent", "skip", "branch", "join", "decoder", "head", "weight")


class Site(NamedTuple):
    """One place in a network.

    `name` is unique in the network, dotted as in its `state_dict` (`layer3.0.conv1`). `place` is one of `PLACES`: the
    network's input; features after a convolution, after a hidden linear layer (both with norm and activation), of a
    sequence (N, T, D); the factor, ones (N, T, D), on what a recurrent layer adds to its memory; features on a
    shortcut; the residual branch before the sum; the `paths` that are averaged at a join, stacked (K, N, …); features
    after a convolution of a decoder, which makes maps from the features; features before the classifier; the weight of
    a layer. `group` counts the network's stages from 1 to `groups`, `block` its blocks from 1 to `blocks`; both are
    None outside the stages; a decoder's site has the group whose map it adds to. `linear`: the layer, whose weight or
    features these are, is fully connected, and no recurrent one. `columns`: of a join, how many paths the network has,
    of which the last K meet here.

    A module at `weight` is called in the layer's place, `module(input, weight, bias, layer)` with
    `layer(input, weight, bias) -> output`; one at any other place as `module(features)`.
    """

    name: str
    place: str
    group: int | None = None
    groups: int = 0
    block: int | None = None
    blocks: int = 0
    linear: bool = False
    paths: int = 0
    columns: int = 0

    def in_groups(self, wanted: Sequence[int] | None) -> bool:
        """Predicate: the site is in one of the wanted groups, numbered from 1 or from the end (-1, -2); None is all."""
        if self.group is None:
            return False
        if wanted is None:
            return True
        return self.group in {resolve_group(each, self.groups) for each in wanted}


def resolve_group(group: int, groups: int) -> int:
    """Return the number, from 1, of a group given from either end; ValueError names the groups there are."""
    if not checks.is_whole_number(group) or not (1 <= group <= groups or -groups <= group <= -1):
        raise ValueError(
            f"regularizer.groups names group {group!r}, but this model has groups 1 to {groups} "
            f"(from the end: -1 to -{groups})"
        )
    return group if group > 0 else groups + 1 + group


Option = Callable[[Site], nn.Module]


def modules_at(options: Sequence[Option], site: Site) -> nn.Module:
    """Return the options' module at a site: `nn.Identity` if none acts, in order in a `nn.Sequential` if several do."""
    acting = []
    for index, option in enumerate(options):
        module = option(site)
        if isinstance(module, nn.Identity):
            continue
        if isinstance(module, AbstractRandom):
            module.site = site.name if index == 0 else f"{site.name}#{index + 1}"
        acting.append(module)
    if not acting:
        return nn.Identity()
    return acting[0] if len(acting) == 1 else nn.Sequential(*acting)


def drop_prob_of(keep_prob: float) -> float:
    """Return drop_prob = 1 - keep_prob; ValueError unless keep_prob is a number in (0, 1]."""
    return 1 - checks.number("keep_prob", keep_prob, above=0, most=1)


class AbstractRandom(nn.Module, ABC):
    """A module that is random in training, with a scheduled level, a key, and a count of dropped or moved elements.

    The level is drop_prob for modules that drop, std for noise. `level` (0-dim) and `key` are non-persistent buffers
    that `advance` sets before each micro-batch, so a changing level keeps one compiled graph, and the `state_dict` is
    that of the network without them. Until then the module has the full level, and draws its keys from torch's default
    generator.

    Args:
        full_level: the level at the end of the schedule.
        schedule: `constant`, `linear` (from 0 at the first step to `full_level` at the last), or another of
            `dropgrid.level_schedules`.
        inference: random in eval mode too (the paper's Fig. 5; Monte-Carlo inference). Norms are not affected.
    """

    counts = DROPPED
    """The name of the counted event; empty if its frequency has no closed form."""

    in_inference = True
    """`inference` makes it random in eval mode; False: it acts in training only."""

    level: Tensor
    key: Tensor
    dropped: Tensor
    seen: Tensor

    def __init__(self, full_level: float, *, schedule: str = "constant", inference: bool = False):
        super().__init__()
        self.level_schedule = parse_schedule(schedule)
        checks.boolean("inference", inference)
        self.full_level = float(full_level)
        self.schedule = schedule
        self.inference = inference
        self.site = ""
        self.keyed = False
        self.register_buffer("level", torch.tensor(self.full_level), persistent=False)
        self.register_buffer("key", torch.tensor(0), persistent=False)
        self.register_buffer("dropped", torch.tensor(0), persistent=False)
        self.register_buffer("seen", torch.tensor(0), persistent=False)

    @property
    def stream(self) -> str:
        """The name that keys depend on, beside seed and step: modules with the same stream draw alike."""
        return self.site

    @property
    def active(self) -> bool:
        """Predicate: the next forward pass is random."""
        return self.training or self.inference

    def level_at(self, progress: float) -> float:
        """Return the scheduled level at a progress of training from 0 (first step) to 1 (last step)."""
        return self.full_level * self.level_schedule(progress)

    def levels_over(self, taken: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the levels of the first `taken` of `steps` optimizer steps, each once, and how many steps have it."""
        progress = np.arange(taken) / max(1, steps - 1)
        return np.unique([self.level_at(each) for each in progress], return_counts=True)

    def advance(self, level: float, key: int) -> None:
        """Set the level and the key of the next forward pass.

        The key is any integer, such as a training step: it is hashed, so that neighbours give independent masks. Each
        module needs its own key: modules of one kind with the same key draw the same numbers.
        """
        self.advance_hashed(level, mixed_key(int(key)))

    def advance_hashed(self, level: float, key: int) -> None:
        """Set the level and the key of the next forward pass; the key is a hash, as `dropgrid.streams.key` returns."""
        self.level.fill_(level)
        self.key.fill_(key)
        self.keyed = True

    def next_key(self) -> Tensor:
        """Return the key of this forward pass (0-dim int64)."""
        return self.key if self.keyed else torch.randint(2**62, (), device=self.key.device)

    def count(self, dropped: float | Tensor, seen: int) -> None:
        """Add to the counts, in training."""
        if self.training:
            self.dropped += dropped
            self.seen += seen

    def shape(self, *inputs: Any) -> tuple[int, ...]:
        """Return the shape (C, …) of what is counted for one example, from the inputs of a forward pass."""
        return tuple(inputs[0].shape[1:])

    def draws(self, batch: int) -> int:
        """Return the number of independent draws in a micro-batch of `batch` examples."""
        return batch

    @abstractmethod
    def expected(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        """Return the exact expectation of the counted fraction at each level, for one example of that shape."""

    @abstractmethod
    def variance(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        """Return a bound on the variance of one draw's counted fraction, from what is independent in it, not cells."""

    def clamped(self, shape: Sequence[int]) -> bool:
        """Predicate: the map is smaller than the configured block; False for everything that has no size."""
        return False


class AbstractDropProb(AbstractRandom):
    """A module that drops with a probability in training: its level is `drop_prob`, in [0, 1)."""

    def __init__(self, drop_prob: float, *, schedule: str = "constant", inference: bool = False):
        checks.number("drop_prob", float(drop_prob), least=0, below=1)
        super().__init__(drop_prob, schedule=schedule, inference=inference)

    @property
    def drop_prob(self) -> Tensor:
        """The probability of the next forward pass (0-dim)."""
        return self.level

    def extra_repr(self) -> str:
        text = f"drop_prob={self.full_level:g}, schedule={self.schedule}"
        return text + (", inference=True" if self.inference else "")


class AbstractDrop(AbstractDropProb):
    """A site at which features are dropped in training."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.active:
            return input
        output, dropped, seen = self.drop(input, self.next_key())
        self.count(dropped, seen)
        return output

    @abstractmethod
    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        """Return the output, the number of zeros of the mask (a tensor if it lies on a device), and the mask's size."""


class AbstractNoise(AbstractRandom):
    """A site at which Gaussian noise is added in training: its level is the standard deviation, 0 or more.

    Units that are moved by more than one standard deviation are counted: erfc(1/√2) = 31.7 % of them.
    """

    counts = MOVED

    def __init__(self, std: float, *, schedule: str = "constant", inference: bool = False):
        checks.number("std", std, least=0)
        super().__init__(std, schedule=schedule, inference=inference)

    def add(self, input: Tensor, key: Tensor) -> Tensor:
        """Return input + std · ε, ε ~ N(0, 1) independent for every unit, and count."""
        noise = self.level * normal(key, input.shape)
        self.count((noise.abs() > self.level).sum(), input.numel())
        return input + noise.to(input.dtype)

    def expected(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        return np.where(level > 0, math.erfc(0.5**0.5), 0.0)

    def variance(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        share = self.expected(shape, level)
        variance: np.ndarray = share * (1 - share) / math.prod(shape)
        return variance

    def extra_repr(self) -> str:
        text = f"std={self.full_level:g}, schedule={self.schedule}"
        return text + (", inference=True" if self.inference else "")


def drops(network: nn.Module) -> dict[str, AbstractRandom]:
    """Return the random modules of a network, by site name."""
    found = {path: module for path, module in network.named_modules() if isinstance(module, AbstractRandom)}
    return {module.site or path: module for path, module in found.items()}


def inference_drops(network: nn.Module) -> dict[str, AbstractRandom]:
    """Return the random modules that can be random in eval mode too, by site name."""
    return {name: module for name, module in drops(network).items() if module.in_inference}


def with_inference(network: nn.Module, on: bool) -> nn.Module:
    """Return a copy whose sites drop in eval mode if `on`, else do not."""
    replica = copy.deepcopy(network)
    for drop in drops(replica).values():
        drop.inference = on
    return replica


def shapes(network: nn.Module, size: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shape (C, …) of what each site counts, for images of `size` (C, H, W), by a pass on meta."""
    found: dict[str, tuple[int, ...]] = {}
    replica = copy.deepcopy(network).to("meta")
    for name, module in drops(replica).items():
        module.register_forward_hook(lambda module, args, __, name=name: found.update({name: module.shape(*args)}))
    replica(torch.zeros(2, *size, device="meta"))
    return found
