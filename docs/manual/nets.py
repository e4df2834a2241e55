"""The networks of conf/model, built without numbers: their size, and stage by stage."""

import re
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from dropgrid.initializers.layers import KINDS
from dropgrid.sites import Site
from dropgrid.store.identity import BUILT_ELSEWHERE
from manual.acting import loaded
from manual.options import Option, of_axis


class Stage(NamedTuple):
    """A part of a network: its name, what leaves it for one image, its parameters and its layers that have weights."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    layers: int


def images(option: Option) -> tuple[tuple[int, int, int], int]:
    """Shape of an image and count of classes that the YAML's comment is about; a digit where it names none."""
    side = re.search(r"(\d+)×\1 images", option.comment)
    pixels = int(side[1]) if side else 32 if "CIFAR" in option.comment else 28
    known = {28: (1, 10), 32: (3, 10), 64: (3, 11), 224: (3, 1000), 331: (3, 1000)}
    channels, classes = known[pixels]
    return (channels, pixels, pixels), classes


def asked(option: Option) -> tuple[nn.Module, list[Site]]:
    """`made` by the option's own arguments."""
    return made(option, option.built())


def made(option: Option, make: Any) -> tuple[nn.Module, list[Site]]:
    """The network that a constructor makes for the option's images on the meta device, with batch norm and ReLU if it
    takes them, and all its sites."""
    found: list[Site] = []

    def note(site: Site) -> nn.Module:
        found.append(site)
        return nn.Identity()

    shape, classes = images(option)
    with torch.device("meta"):
        parts: Any = {"norm": loaded("norm", "batch"), "activation": loaded("activation", "relu")}
        parts = {} if option.name in BUILT_ELSEWHERE else parts
        net = make(shape=shape, classes=classes, sites=[note], **parts)
    return net, found


@cache
def sizes() -> dict[str, int]:
    """Option -> its parameters, norms and biases included."""
    every = [each for page in of_axis("model") for each in page.members]
    return {each.name: sum(p.numel() for p in asked(each)[0].parameters()) for each in every}


def published(option: Option) -> str:
    """The count of parameters that the YAML's comment states of its paper, or nothing."""
    said = re.search(r"([\d.]+) M parameters", option.comment)
    return said[1] if said else ""


def children(net: nn.Module) -> list[tuple[str, nn.Module]]:
    """A network's children, in order; lists, and torchvision's `features`, are replaced by their children."""
    return [
        pair
        for name, child in net.named_children()
        for pair in (parts(name, child) if name == "features" or isinstance(child, nn.ModuleList) else [(name, child)])
    ]


def parts(whole: str, child: nn.Module) -> list[tuple[str, nn.Module]]:
    """Its children, those with numbers for names by their full ones."""
    return [(f"{whole}.{name}" if name.isdigit() else name, each) for name, each in child.named_children()]


def stages(option: Option) -> list[Stage]:
    """Each child that has layers, together with the norm after it."""
    net, _ = asked(option)
    left: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            left[name] = tuple((output[-1] if isinstance(output, list) else output).shape[1:])

        return hook

    for name, child in children(net):
        child.register_forward_hook(note(name))
    with torch.no_grad():
        net.eval()(torch.empty(1, *images(option)[0], device="meta"))
    found: list[Stage] = []
    for name, child in children(net):
        layers = sum(isinstance(module, KINDS) for module in child.modules())
        own = sum(parameter.numel() for parameter in child.parameters())
        if layers or (own and not found):
            found.append(Stage(name, left[name], own, layers))
        elif found:
            found[-1] = found[-1]._replace(parameters=found[-1].parameters + own)
    return found
