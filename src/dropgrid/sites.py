"""Where a network offers itself to regularizers, and what anything that drops there has in common.

A network names its sites; a regularizer option is a function `site -> nn.Module` that answers `nn.Identity()`
wherever it does not act. Networks know no regularizer and regularizers know no network.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

PLACES = ("input", "conv", "skip", "branch", "head", "weight")


class Site(NamedTuple):
    """One place in a network.

    `name` is unique in the network, dotted as in its `state_dict` (`layer3.0.conv1`). `place` is one of `PLACES`:
    features of the network's input, after a convolution with its norm and activation, on a shortcut; the residual
    branch before the sum; features before the classifier; the weight of a layer. `group` counts the network's stages
    from 1 to `groups`, `block` its residual blocks from 1 to `blocks`; both are None outside the stages.
    """

    name: str
    place: str
    group: int | None = None
    groups: int = 0
    block: int | None = None
    blocks: int = 0

    def in_groups(self, wanted: Sequence[int] | None) -> bool:
        """Whether the site is in one of the wanted groups: numbers from 1, or from the end as -1, -2; None is all."""
        if self.group is None:
            return False
        if wanted is None:
            return True
        return self.group in {resolve_group(each, self.groups) for each in wanted}


def resolve_group(group: int, groups: int) -> int:
    """The number from 1 of a group given from either end; ValueError names the groups there are."""
    if isinstance(group, bool) or not isinstance(group, int) or not (1 <= group <= groups or -groups <= group <= -1):
        raise ValueError(
            f"regularizer.groups names group {group!r}, but this model has groups 1 to {groups} "
            f"(from the end: -1 to -{groups})"
        )
    return group if group > 0 else groups + 1 + group


Option = Callable[[Site], nn.Module]


def modules_at(options: Sequence[Option], site: Site) -> nn.Module:
    """What the options put at a site, in their order: nothing is `nn.Identity`, several are a `nn.Sequential`."""
    acting = []
    for index, option in enumerate(options):
        module = option(site)
        if isinstance(module, nn.Identity):
            continue
        if isinstance(module, AbstractDrop):
            module.site = site.name if index == 0 else f"{site.name}#{index + 1}"
        acting.append(module)
    if not acting:
        return nn.Identity()
    return acting[0] if len(acting) == 1 else nn.Sequential(*acting)


def drop_prob_of(keep_prob: float) -> float:
    """The library's drop_prob of the command line's keep_prob, which must be a number in (0, 1]."""
    number = isinstance(keep_prob, int | float) and not isinstance(keep_prob, bool)
    if not number or not 0 < keep_prob <= 1:
        raise ValueError(f"keep_prob must be a number in (0, 1], got {keep_prob!r}")
    return 1 - keep_prob


class AbstractDrop(nn.Module, ABC):
    """A site at which something is dropped in training: its rate, its key, and a count of what it really dropped.

    `drop_prob` (0-dim) and `key` are non-persistent buffers set before each micro-batch by `advance`, so that a
    changing rate keeps one compiled graph and the `state_dict` stays the bare network's. Until `advance` is called
    the module stands alone: the target rate, and keys drawn from torch's default generator.

    Args:
        drop_prob: the rate reached at the end of the schedule, in [0, 1).
        schedule: `constant`, or `linear`: from 0 at the first step to `drop_prob` at the last.
        inference: drop in eval mode too (the paper's Fig. 5; Monte-Carlo inference). Norms are not affected.
    """

    drop_prob: Tensor
    key: Tensor
    dropped: Tensor
    seen: Tensor

    def __init__(self, drop_prob: float, *, schedule: str = "constant", inference: bool = False):
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ValueError(f"drop_prob must be in [0, 1), got {drop_prob!r}")
        if schedule not in ("constant", "linear"):
            raise ValueError(f"schedule must be constant or linear, got {schedule!r}")
        if not isinstance(inference, bool):
            raise ValueError(f"inference must be true or false, got {inference!r}")
        self.target = float(drop_prob)
        self.schedule = schedule
        self.inference = inference
        self.site = ""
        self.keyed = False
        self.register_buffer("drop_prob", torch.tensor(self.target), persistent=False)
        self.register_buffer("key", torch.tensor(0), persistent=False)
        self.register_buffer("dropped", torch.tensor(0), persistent=False)
        self.register_buffer("seen", torch.tensor(0), persistent=False)

    def rate_at(self, progress: float) -> float:
        """The nominal drop_prob at a progress of training from 0 (first step) to 1 (last step)."""
        return self.target * progress if self.schedule == "linear" else self.target

    def advance(self, rate: float, key: int) -> None:
        """Set the rate and the key of the next forward pass."""
        self.drop_prob.fill_(rate)
        self.key.fill_(key)
        self.keyed = True

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training or self.inference):
            return input
        key = self.key if self.keyed else torch.randint(2**62, (), device=input.device)
        output, dropped, seen = self.drop(input, key)
        if self.training:
            self.dropped += dropped
            self.seen += seen
        return output

    @abstractmethod
    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        """The output, how many cells of the mask are 0 (a tensor where it lies on a device), and how many it has."""

    @abstractmethod
    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        """The exact expectation of the dropped fraction at each nominal rate, for one example of shape (C, …)."""

    @abstractmethod
    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        """A bound on the variance of one example's dropped fraction, counted over independent draws, not cells."""

    def clamped(self, shape: Sequence[int]) -> bool:
        """Whether the map is too small for what was asked; False for everything that has no size."""
        return False

    def extra_repr(self) -> str:
        text = f"drop_prob={self.target:g}, schedule={self.schedule}"
        return text + (", inference=True" if self.inference else "")


def drops(network: nn.Module) -> dict[str, AbstractDrop]:
    """The dropping sites of a network, by site name."""
    return {module.site or path: module for path, module in network.named_modules() if isinstance(module, AbstractDrop)}


def shapes(network: nn.Module, size: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The shape (C, …) that reaches each dropping site for images of `size` (C, H, W): a dry run, nothing computed."""
    found: dict[str, tuple[int, ...]] = {}
    replica = copy.deepcopy(network).to("meta")
    for name, module in drops(replica).items():
        module.register_forward_hook(lambda _, args, __, name=name: found.update({name: tuple(args[0].shape[1:])}))
    replica(torch.zeros(2, *size, device="meta"))
    return found
