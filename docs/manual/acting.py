"""Where a method acts: found by asking it, not by reading about it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid import streams
from dropgrid.augments.context import Stand
from dropgrid.sites import PLACES, Site
from manual.options import Option, read_option

NETS = {
    "ResNet-20": ("resnet20", (3, 32, 32)),
    "MLP": ("mlp", (1, 28, 28)),
    "FractalNet": ("fractal", (3, 32, 32)),
}
"""Name -> (option of model, shape of an image)."""

PATHS = 4


def loaded(axis: str, name: str, **changes: Any) -> Any:
    """An option of another axis."""
    return read_option(axis, name).built(**changes)


def network(net: str, sites: list[Callable[[Site], nn.Module]], device: str = "meta", norm: Any = None) -> nn.Module:
    """One of `NETS` with batch norm, or another, and ReLU, on a device; its sites asked of `sites`."""
    name, shape = NETS[net]
    parts = {"norm": norm or loaded("norm", "batch"), "activation": loaded("activation", "relu")}
    with torch.device(device):
        made: nn.Module = loaded("model", name)(shape=shape, classes=10, sites=sites, **parts)
    return made


@cache
def sites_of(net: str) -> tuple[Site, ...]:
    """All sites of a network."""
    found: list[Site] = []

    def note(site: Site) -> nn.Module:
        found.append(site)
        return nn.Identity()

    network(net, [note])
    return tuple(found)


def some_sites(place: str) -> dict[str, Site]:
    """Of what -> a site of a place, in the last of three groups."""
    paths = PATHS if place == "join" else 0
    inside = Site(f"layer3.1.{place}", place, 3, 3, 6, 6, place == "hidden", paths, paths)
    outside = Site(place, place, None, 3, None, 6)
    if place == "weight":
        return {
            "convolutions": inside,
            "hidden linear layers": inside._replace(linear=True),
            "the classifier": outside._replace(linear=True),
        }
    return {"": outside if place in ("input", "head") else inside}


def answers(built: Callable[[Site], nn.Module], site: Site) -> bool:
    """Whether the option puts a module there; False too where it refuses."""
    try:
        return not isinstance(built(site), nn.Identity)
    except ValueError:
        return False


def anywhere(built: Callable[[Site], nn.Module]) -> bool:
    """Whether it acts at any place at all."""
    return any(answers(built, site) for place in PLACES for site in some_sites(place).values())


def places(built: Callable[[Site], nn.Module]) -> list[str]:
    """The places at which it answers with a module."""
    found = []
    for place in PLACES:
        asked = some_sites(place)
        acting = [what for what, site in asked.items() if answers(built, site)]
        if acting:
            found.append(f"`{place}`" + (f" of {' and '.join(acting)}" if acting[0] else ""))
    return found


def settings(option: Option) -> dict[str, Any]:
    """The option as it is, and with every value of `place` that it has: command line -> option."""
    found = {"": option.built()}
    if "place" in option.node:
        values = option.accepted("place", anywhere)
        found |= {f"place={each}": option.built(place=each) for each in values if each != option.node["place"]}
    return found


def of_regularizer(option: Option) -> str:
    """At which places, and of three networks at how many sites of each."""
    lines = [
        f"Asked at every place that a network may offer (`dropgrid.sites`: {', '.join(PLACES)}) it answers at:",
        "",
    ]
    rows = []
    for setting, built in settings(option).items():
        what = f" with `{option.axis}.{setting}`" if setting else ""
        lines.append(f"- {', '.join(places(built))}{what}")
        for net in NETS:
            rows.append((f"{net}{what}", count(built, sites_of(net))))
    columns = [place for place in PLACES if any(row.get(place, [0])[0] for _, row in rows)]
    lines += ["", "Of the sites that three networks have:", "", table(["", *columns], rows, columns), ""]
    if not all(any(row.values()) for _, row in rows):
        lines.append("Where a network has none that it acts on, choosing it is an error: it would silently be off.")
    return "\n".join(lines).strip()


def count(built: Callable[[Site], nn.Module], sites: tuple[Site, ...]) -> dict[str, list[int]]:
    """Place -> [acting, sites there are]."""
    found: dict[str, list[int]] = {}
    for site in sites:
        here = found.setdefault(site.place, [0, 0])
        here[0] += answers(built, site)
        here[1] += 1
    return {place: both for place, both in found.items()}


def table(header: list[str], rows: list[tuple[str, dict[str, list[int]]]], columns: list[str]) -> str:
    """Markdown; a place that a network lacks is a dash."""
    lines = [header, ["---", *["--:"] * len(columns)]]
    for name, row in rows:
        lines.append([name, *(f"{row[place][0]} of {row[place][1]}" if place in row else "–" for place in columns)])
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def resnet() -> nn.Module:
    """A ResNet-20 of fixed weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network("ResNet-20", [], "cpu")


def reached(changed: dict[str, bool], net: nn.Module) -> str:
    """How many tensors, and how many of the numbers in them."""
    sizes = {name: parameter.numel() for name, parameter in net.named_parameters()}
    numbers = sum(size for name, size in sizes.items() if changed[name])
    count, total = sum(changed.values()), sum(sizes.values())
    return f"{count} of a ResNet-20's {len(sizes)} parameters, which hold {numbers:,} of its {total:,} numbers"


def of_penalty(option: Option) -> str:
    """What of a network the term's gradient reaches, and what the projection changes."""
    built, net = option.built(), resnet()
    lines = []
    term = built.term(net)
    if isinstance(term, Tensor):
        slopes = torch.autograd.grad(term, list(net.parameters()), allow_unused=True)
        moved = {n: s is not None and bool(s.any()) for (n, _), s in zip(net.named_parameters(), slopes, strict=True)}
        lines.append(f"Its term has a gradient at {reached(moved, net)}: no bias, no norm.")
    else:
        lines.append("It adds nothing to the loss.")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0).mul_(100)  # no norm's bias is 0
    before = {name: parameter.clone() for name, parameter in net.named_parameters()}
    built.project(net)
    changed = {name: not torch.equal(before[name], parameter) for name, parameter in net.named_parameters()}
    if any(changed.values()):
        lines.append(f"Its projection changes, where all weights are too large, {reached(changed, net)}.")
    else:
        lines.append("It projects nothing.")
    if built.decays:
        lines.append("With the optimizer's own weight decay beside it a run is refused: `optimizer.weight_decay=0`.")
    return " ".join(lines)


def of_augment(option: Option) -> str:
    """What becomes of targets, and which images of a batch change."""
    images = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(64) % 10
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 10))
    stand = Stand(net, loaded("loss", "cross_entropy"), classes=10)
    _, after = option.built()(images, targets, generator=torch.Generator().manual_seed(0), context=stand)
    if after.is_floating_point():
        return "Targets go in as indices or class probabilities and come out as class probabilities."
    return "Targets stay as they are."


def of_average(option: Option) -> str:
    """After which steps of a run of 10 epochs."""
    built, epochs, steps = option.built(), 10, 24
    due = [step for step in range(1, epochs * steps + 1) if built.due(step, epochs * steps, steps)]
    again = (
        "The norms' moving averages are measured again on the training set for the averaged weights."
        if built.reestimate
        else "The norms' moving averages are averaged like the weights."
    )
    few = f"steps {', '.join(map(str, due))}" if len(due) < epochs * steps else "every step"
    return f"In a run of {epochs} epochs of {steps} steps the weights join the average after {few}. {again}"


def of_optimizer(option: Option) -> str:
    """How often it asks for the loss, and what decays."""
    net = resnet()
    built = option.built(weight_decay=1e-4)(net)
    asked = []

    def closure() -> Tensor:
        built.zero_grad()
        loss = torch.stack([parameter.square().sum() for parameter in net.parameters()]).sum()
        loss.backward()
        asked.append(loss)
        return loss

    built.step(closure)
    ids = {id(p) for group in built.param_groups if group.get("weight_decay") for p in group["params"]}
    decaying = {name: id(parameter) in ids for name, parameter in net.named_parameters()}
    times = {1: "once", 2: "twice"}.get(len(asked), f"{len(asked)} times")
    default = option.node["weight_decay"]
    return (
        f"A step asks {times} for the loss and its gradient. Weight decay, {default:g} by default, acts on "
        f"{reached(decaying, net)}."
    )


def initialised(net: nn.Module, built: Any, activation: str = "relu", batch: Tensor | None = None) -> nn.Module:
    """A network whose weights an option of init has set, of the random numbers of seed 0."""
    chosen = loaded("activation", activation)
    built(net, generator=lambda name: streams.generator(0, "init", name), activation=chosen, batch=batch)
    return net
