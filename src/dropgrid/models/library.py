"""Networks of torchvision and timm as these libraries build them, with sites found by rules.

Nothing is changed but this: what the library itself drops is off, and hooks call the regularizers at the sites. The
names of parameters, the state_dict and the initial weights are the library's.
"""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.trace import IMAGES, Call, trace_calls
from dropgrid.sites import Option, Site, modules_at

PATHS = ("StochasticDepth", "DropPath")
"""Classes of either library that drop a residual branch; timm has an Identity named drop_path… where the rate is 0."""

ENDS: Mapping[str, Sequence[str]] = {
    "BasicBlock": ("se", "bn2"),
    "Bottleneck": ("se", "bn3"),
    "ResBottleneckBlock": ("f",),
    "EncoderBlock": ("dropout", "mlp"),
    "InvertedResidual": ("block", "conv"),
}
"""Classes of blocks that have no module of `PATHS` -> the modules, if there, at whose output a residual branch ends."""

SHORTCUTS = ("downsample", "shortcut", "proj")
"""Names of the modules on the shortcut of a block."""

DROPPING = ("drop", "dropout", "stochastic_depth_prob")
"""How arguments begin by which a library drops on its own account."""


def with_sites(
    make: "partial[nn.Module]",
    arguments: Mapping[str, Any],
    shape: tuple[int, int, int],
    classes: int,
    options: Sequence[Option],
) -> nn.Module:
    """Return the network that `make` constructs, its own dropping off and the regularizers at its sites."""
    checks.whole_number("model.classes", classes, 1)
    if dropping := [key for key in arguments if key.startswith(DROPPING)]:
        raise ValueError(f"model.arguments.{dropping[0]} would drop unseen beside the regularizer: use regularizer=")
    network = construct(make)
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        elif type(module).__name__ in PATHS:
            setattr(module, "p" if hasattr(module, "p") else "drop_prob", 0.0)
    replica = copy.deepcopy(network).to("meta").train()
    with torch.device("meta"), torch.no_grad():
        logits = replica(torch.zeros(IMAGES, *shape))
    if isinstance(logits, Mapping) and [*logits] == ["out"]:  # as torchvision's networks that label pixels do
        for each in (network, replica):
            each.register_forward_hook(out_of)
        logits = logits["out"]
    if not isinstance(logits, Tensor) or logits.shape[:2] != (IMAGES, classes):
        raise ValueError(f"model.name={make.args[0]} returns no logits (N, {classes}, …) alone in training")
    place_sites(network, trace_calls(replica, shape), options)
    return network


def out_of(_: nn.Module, __: Any, output: Mapping[str, Tensor]) -> Tensor:
    """Return the logits of a network that returns them by name: a forward hook."""
    return output["out"]


def construct(make: "partial[nn.Module]") -> nn.Module:
    """Return a new network on torch's default device; on the CPU first if its constructor reads values of tensors."""
    try:
        return make()
    except TypeError as error:
        raise ValueError(f"model.arguments: {error}") from error
    except (NotImplementedError, RuntimeError):
        device = torch.get_default_device()
        if device.type != "meta":
            raise
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            return make().to(device)


class Through:
    """A hook that puts what a module returns, or is given, through another module; it is copied with the network."""

    def __init__(self, module: nn.Module):
        self.module = module

    def after(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:
        """Return another output: a forward hook."""
        found: Tensor = self.module(output)
        return found

    def before(self, _: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return other inputs: a forward pre-hook."""
        return (self.module(inputs[0]), *inputs[1:])


def place_sites(network: nn.Module, calls: Sequence[Call], options: Sequence[Option]) -> None:
    """Let the regularizers act at a network's sites, found in the calls of a forward pass.

    - `branch`: the end of each residual branch: a `DropPath`, `StochasticDepth` or Identity named drop_path…, or the
      module that `ENDS` names. If one such module serves several branches, the modules before it take its place, or
      if there is none, it drops them together.
    - `conv`: each convolution behind the stem, after the norm that follows it at once, if any; those on maps of one
      cell (squeeze-and-excitation) are none. `skip`: one on a shortcut.
    - `hidden`: each place at which the library has a dropout on tokens.
    - `head`: the input of the classifier; `input`: that of the network. A network that labels pixels has a module
      `classifier`, whose convolutions are `decoder`, but for those to the classes, each of which is a classifier.

    Groups are the sizes of the map after convolutions, or of the tokens after branches if there are none, in order.
    Blocks are the modules that hold branches. The stem is what runs before the first block, or without blocks the first
    convolution. Shortcuts without a convolution and weights are no sites: no module holds them.
    """
    count = Counter(each.name for each in calls)
    ends = branch_ends(network, calls)
    blocks = list(dict.fromkeys(parent(name) for name in ends.values()))
    stem = stem_length(calls, blocks)
    behind = calls[stem:]
    convs = [each for each in behind if is_conv(each) and cells(each.output) > 1]
    stages = convs or [each for each in behind if each.name in ends]
    sizes = list(dict.fromkeys(cells(each.output) for each in stages))
    groups = {id(each): sizes.index(cells(each.output)) + 1 for each in stages}
    of_block = {block: groups[id(each)] for each in stages if (block := block_of(each.name, blocks))}
    classifiers = classifiers_of(calls)
    group = 1
    for index, each in enumerate(behind):
        block = block_of(each.name, blocks)
        group = groups.get(id(each), group)
        where: dict[str, Any] = {"group": of_block.get(block, group), "groups": len(sizes)}
        once = count[each.name] == 1
        if once and is_conv(each) and cells(each.output) > 1:
            shortcut = each.name.removeprefix(f"{block}.").partition(".")[0] in SHORTCUTS
            place = "decoder" if decodes(each) else "skip" if shortcut else "conv"
            name = normed(behind, index)
            if each not in classifiers:
                attach(network, name, modules_at(options, Site(name, place, **where)))
        elif once and isinstance(each.module, nn.Dropout) and each.output.dim() > 2 and not decodes(each):
            attach(network, each.name, modules_at(options, Site(each.name, "hidden", **where, linear=True)))
        if ends.pop(each.name, None):  # once, though the module may serve several branches
            site = Site(f"{each.name}.branch", "branch", **where, block=blocks.index(block) + 1, blocks=len(blocks))
            attach(network, each.name, modules_at(options, site))
    for each in classifiers:
        name = "head" if len(classifiers) == 1 else f"{each.name}.head"
        on_map: dict[str, Any] = {"group": groups[id(each)], "groups": len(sizes)} if id(each) in groups else {}
        attach(network, each.name, modules_at(options, Site(name, "head", **on_map)), before=True)
    attach(network, "", modules_at(options, Site("input", "input")), before=True)


def attach(network: nn.Module, name: str, module: nn.Module, *, before: bool = False) -> None:
    """Register a module that acts, and let it act on the output of the network's module of a name, or on its input."""
    if isinstance(module, nn.Identity):
        return
    name_here = f"regularizer_{sum(1 for each, _ in network.named_children() if each.startswith('regularizer_'))}"
    network.add_module(name_here, module)
    target, through = network.get_submodule(name), Through(module)
    if before:
        target.register_forward_pre_hook(through.before)
    else:
        target.register_forward_hook(through.after)


def branch_ends(network: nn.Module, calls: Sequence[Call]) -> dict[str, str]:
    """Return the module at whose output each residual branch ends -> the module that names its block."""
    found: dict[str, str] = {}
    for name, module in network.named_modules():
        if type(module).__name__ in PATHS or name.rpartition(".")[2].startswith("drop_path"):
            ends = [made_by(calls, index) for index, each in enumerate(calls) if each.name == name]
            if len(ends) == 1 or None in ends:
                ends = [name]
            found |= {end: name for end in ends if end is not None}
    held = {parent(name) for name in found.values()}
    called = {each.name for each in calls}
    for name, module in network.named_modules():
        wanted = ENDS.get(type(module).__name__, ())
        inside = any(f"{each}.".startswith(f"{name}.") for each in held)
        if not wanted or inside or getattr(module, "use_res_connect", True) is False:
            continue
        there = [f"{name}.{each}" for each in wanted if f"{name}.{each}" in called]
        for end in there if type(module).__name__ == "EncoderBlock" else there[:1]:
            found[end] = end
    return found


def made_by(calls: Sequence[Call], index: int) -> str | None:
    """Return the name of the outermost module that returned the input of a call; None if none did."""
    return next((each.name for each in reversed(calls[:index]) if each.output is calls[index].input), None)


def decodes(call: Call) -> bool:
    """Predicate: a call is in the part that makes maps from the features, of a network that labels pixels."""
    return call.name.startswith("classifier.") and call.output.dim() == 4


def classifiers_of(calls: Sequence[Call]) -> list[Call]:
    """Return the calls that make the logits: the last fully connected layer's, or if there is none, those of the
    convolutions of a module `classifier` that have a bias; the others there are followed by a norm.
    """
    linear = [each for each in calls if isinstance(each.module, nn.Linear)]
    return linear[-1:] or [each for each in calls if is_conv(each) and decodes(each) and each.module.bias is not None]


def block_of(name: str, blocks: Sequence[str]) -> str:
    """Return the block that holds a module; empty if none does."""
    return next((block for block in blocks if name.startswith(f"{block}.")), "")


def parent(name: str) -> str:
    """Return the name of the module that holds another."""
    return name.rpartition(".")[0]


def stem_length(calls: Sequence[Call], blocks: Sequence[str]) -> int:
    """Return how many calls come before the first block, or without blocks, up to the first convolution."""
    first = next((index for index, each in enumerate(calls) if block_of(each.name, blocks)), None)
    if first is not None:
        return first
    return next((i + 1 for i, each in enumerate(calls) if is_conv(each)), 0)


def is_conv(call: Call) -> bool:
    """Predicate: a call is a convolution's of a map."""
    return isinstance(call.module, nn.Conv2d) and call.output.dim() == 4


def cells(output: Tensor) -> int:
    """Return the number of cells of a map, (N, C, H, W) or (N, H, W, C), or of tokens (N, T, D); 1 of anything else."""
    if output.dim() == 3:
        return int(output.shape[1])
    if output.dim() != 4:
        return 1
    _, first, second, third = output.shape
    return int(first * second if first == second != third else second * third)


def normed(calls: Sequence[Call], index: int) -> str:
    """Return the name of the norm that follows a convolution at once, or its own."""
    made = calls[index].output
    after = next((each for each in calls[index + 1 :] if each.input is made), None)
    if after is not None and "Norm" in type(after.module).__name__ and after.output.shape == made.shape:
        return after.name
    return calls[index].name
