"""Batch-norm folding: at inference a norm's fixed scale and shift become part of the layer before it."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrize import is_parametrized
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from dropgrid.norms.switchable import SwitchableNorm
from dropgrid.sites import with_inference

IMAGES = 2
"""In the dry run's batch."""


def fold_batchnorm(network: nn.Module, size: Sequence[int]) -> nn.Module:
    """Return an equivalent copy in eval mode, in which batch norms are folded into the layers before them.

    w' = w · gain / sqrt(var + eps), b' = (b - mean) · gain / sqrt(var + eps) + shift, with the stored mean and var, by
    output channel; the norm becomes an identity. This applies to every batch norm that keeps statistics and is the only
    user of the output of a convolution or linear layer with a weight of its own, both called once; others stay, such as
    the norms of a pre-activation net that follow a sum. The dry run that finds them takes images of `size` (C, H, W).
    The network must not be random in eval mode.

    Source: Jacob et al., "Quantization and training of neural networks", CVPR 2018, §3.2, eq. 14.
    """
    replica = copy.deepcopy(network).eval()
    for name, before in foldable_pairs(network, size).items():
        norm, layer = replica.get_submodule(name), replica.get_submodule(before)
        assert isinstance(norm, _BatchNorm) and isinstance(layer, nn.Conv2d | nn.Linear)
        mean, var = norm.running_mean, norm.running_var
        assert mean is not None and var is not None
        layer.weight, layer.bias = fuse_conv_bn_weights(
            layer.weight, layer.bias, mean, var, norm.eps, norm.weight, norm.bias
        )
        replica.set_submodule(name, nn.Identity())
    return replica


class Call(NamedTuple):
    """A module's dotted name, its input and its output."""

    name: str
    input: Tensor
    output: Tensor


class Uses(TorchFunctionMode):
    """Counts for each tensor how many of torch's functions used it."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[int] = Counter()
        self.seen: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if any(isinstance(each, Tensor) for each in tree_leaves(made)):
            used = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
            self.count.update(map(id, used))
            self.seen += used  # alive, so that no other gets its id
        return made


def foldable_pairs(network: nn.Module, size: Sequence[int]) -> dict[str, str]:
    """Return the batch norms that can be folded, each with the layer before it, by name; found by a dry run on meta."""
    replica = with_inference(network, False).to("meta", torch.float32).eval()
    layers: list[Call] = []
    norms: list[Call] = []
    for name, module in replica.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and not is_parametrized(module):
            module.register_forward_hook(recording_hook(name, layers))
        elif foldable(module):
            module.register_forward_hook(recording_hook(name, norms))
    with torch.no_grad(), Uses() as uses:
        replica(torch.zeros(IMAGES, *size, device="meta"))
    runs = Counter(each.name for each in layers + norms)
    before = {id(each.output): each.name for each in layers if runs[each.name] == uses.count[id(each.output)] == 1}
    return {each.name: before[id(each.input)] for each in norms if id(each.input) in before and runs[each.name] == 1}


def foldable(module: nn.Module) -> bool:
    """Predicate: a module is a batch norm that in eval mode scales and shifts by channel."""
    return isinstance(module, _BatchNorm) and not isinstance(module, SwitchableNorm) and module.running_var is not None


def recording_hook(name: str, calls: list[Call]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Return a hook that records calls."""
    return lambda _, arguments, output: calls.append(Call(name, arguments[0], output))
