"""From the plain config of a cell to its parts."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dropgrid import sites, streams
from dropgrid.data.preparation import preparation, prepared
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import AGAIN, Memory, Split, Splits, evenly
from dropgrid.errors import UserError
from dropgrid.instantiate import call, instantiate
from dropgrid.optimizers.fused import fused
from dropgrid.regularizers.none import none
from dropgrid.store.identity import OF_THE_LOADER, unite, unread_axes
from dropgrid.tasks.description import trains_itself
from dropgrid.tasks.task import Task

if TYPE_CHECKING:
    from dropgrid.learner import AbstractLearner


def source(config: Mapping[str, Any], local: Mapping[str, Any]) -> AbstractSource:
    """The data of a config, not read yet; UserError for a training of one's own, of which only its code knows."""
    if trains_itself(config):
        raise UserError("this cell was trained by code of one's own: dropgrid cannot rebuild its network or its data")
    node = {k: v for k, v in unite(config, local, "data").items() if k not in OF_THE_LOADER}
    found: AbstractSource = instantiate("data", node, cache=Path(local["paths"]["cache"]))
    return found


def planned(config: Mapping[str, Any], local: Mapping[str, Any]) -> AbstractSource:
    """The data of a cell, by content those that it was planned with; UserError names what is not."""
    made, wanted = source(config, local), config["data"].get("fingerprint")
    if wanted is not None and (found := made.fingerprint()) != wanted:
        where = ", ".join(filter(None, map(unite(config, local, "data").get, ("option", "root"))))
        what = f"{made.differing(wanted) or 'the content has changed'} since this cell was planned"
        raise UserError(f"data ({where}): {what} (planned {wanted}, found {found}); {AGAIN}")
    return made


def options(config: Mapping[str, Any], axis: str) -> dict[str, Any]:
    """What an axis holds by mount, those stacked (`regularizer_2`, …) after the first."""
    keys = [axis, *sorted(k for k in config if k.startswith(f"{axis}_") and k[len(axis) + 1 :].isdigit())]
    return {key: instantiate(key, config[key]) for key in keys}


def network(config: Mapping[str, Any], spec: Spec) -> nn.Module:
    """The bare network, on whatever device is torch's default, weights not initialised by our streams yet.

    A regularizer that acts on no site is an error: it would be silently off.
    """
    counted = [Counted(key, option) for key, option in options(config, "regularizer").items()]
    net = with_options(config, spec, counted)
    for each in counted:
        if each.acted == 0 and each.option.func is not none:
            raise UserError(
                f"{each.key}: {each.option.func.__name__} acts on no site of this model: it would be off; "
                f"the model offers: {', '.join(place for place in sites.PLACES if place in each.places)}"
            )
    return net


def with_options(config: Mapping[str, Any], spec: Spec, acting: Collection[sites.Option]) -> nn.Module:
    """The network of a config with regularizer options at its sites."""
    unread = unread_axes(config)
    parts = {axis: instantiate(axis, config[axis]) for axis in ("norm", "activation") if axis not in unread}
    with torch.random.fork_rng(devices=[], enabled=bool(unread)):
        if unread:  # the library draws the initial weights
            torch.manual_seed(streams.key(config["seed"], "init"))
        model, shape = instantiate("model", config["model"]), (spec.channels, *spec.size)
        made: nn.Module = call("model", model, shape=shape, classes=len(spec.classes), sites=acting, **parts)
    return made


def offered_sites(config: Mapping[str, Any], spec: Spec) -> list[sites.Site]:
    """The sites of a network, in its order."""
    found: list[sites.Site] = []

    def note(site: sites.Site) -> nn.Module:
        found.append(site)
        return nn.Identity()

    with torch.device("meta"):
        with_options(config, spec, [note])
    return found


class Counted:
    """A regularizer option that remembers on how many sites it acted, and at what places it was asked."""

    def __init__(self, key: str, option: Any):
        self.key = key
        self.option = option
        self.acted = 0
        self.places: set[str] = set()

    def __call__(self, site: sites.Site) -> nn.Module:
        module: nn.Module = call(self.key, self.option, site)
        self.acted += not isinstance(module, nn.Identity)
        self.places.add(site.place)
        return module


def augment(config: Mapping[str, Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    """The augmentations of a cell as one, applied in their order with one generator."""
    stack = options(config, "augment").values()

    def stacked(
        images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Any = None
    ) -> tuple[Tensor, Tensor]:
        for each in stack:
            images, targets = each(images, targets, generator=generator, context=context)
        return images, targets

    return stacked


class Penalties:
    """The penalties of a cell as one: their terms are summed, their projections follow one another."""

    def __init__(self, stack: Collection[Any]):
        self.stack = stack

    def term(self, model: nn.Module) -> Tensor | float:
        """The sum of all."""
        found: Tensor | float = 0.0
        for each in self.stack:
            found = found + each.term(model)
        return found

    def project(self, model: nn.Module) -> None:
        """All of them, in their order."""
        for each in self.stack:
            each.project(model)


def penalty(config: Mapping[str, Any]) -> Penalties:
    """The penalties of a cell.

    Raises:
        UserError: an L2 term beside the optimizer's own weight decay: the same thing twice.
    """
    found = options(config, "penalty")
    decay = config["optimizer"].get("weight_decay", 0)
    for key, each in found.items():
        if each.decays and isinstance(decay, int | float) and decay > 0:
            raise UserError(
                f"{key}: {type(each).__name__} and optimizer.weight_decay={decay:g} would both decay the weights; "
                f"set optimizer.weight_decay=0, or penalty=none"
            )
    return Penalties(found.values())


def diagnosis(config: Mapping[str, Any], folder: Path, split: Split) -> list[Any]:
    """What watches the signals of training, where the cell asks for it."""
    node = config.get("diagnosis")
    if node is None:
        return []
    return [instantiate("diagnosis", node)(folder=folder, split=split, lr=config["optimizer"].get("lr"))]


def optimizer(config: Mapping[str, Any]) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """network -> the optimizer of a cell, in torch's fused form where the trainer asks for it."""
    make = instantiate("optimizer", config["optimizer"])
    return (lambda net: fused(make(net))) if config["trainer"]["fused"] else make


def learner(
    config: Mapping[str, Any], task: Task[Any], net: nn.Module, spec: Spec, splits: Splits, seed: int
) -> "AbstractLearner":
    """Return what is fitted: a network with the cell's loss, optimizer, augmentation and normalization of images."""
    from dropgrid.learner import AbstractLearner, Learner  # here: Lightning takes two seconds that a plan need not wait

    make = partial(
        Learner,
        loss=instantiate("loss", config["loss"]),
        optimizer=optimizer(config),
        lr_schedule=instantiate("lr_schedule", config["lr_schedule"]),
        augment=augment(config),
        penalty=penalty(config),
        prepare=preparation(config["data"]["normalize"], splits),
        classes=len(spec.classes),
        seed=seed,
        channels_last=config["trainer"]["channels_last"],
    )
    made = task.learner(net, make)
    assert isinstance(made, AbstractLearner)
    return made


def initialise(
    config: Mapping[str, Any],
    local: Mapping[str, Any],
    net: nn.Module,
    batch: Callable[[], Tensor] | None = None,
) -> None:
    """Draw the initial weights, each from the stream of its name; `batch` makes images for an init that needs them.

    Those of a network that a library builds are drawn where it is built.
    """
    if "init" in (unread := unread_axes(config)):
        return
    init = instantiate("init", unite(config, local, "init"))
    activation = instantiate("activation", config["activation"]) if "activation" not in unread else None
    seed = config["seed"]
    images = batch() if batch is not None and getattr(init.func, "needs_batch", False) else None

    def generator(name: str) -> torch.Generator:
        return streams.generator(seed, "init", name)

    call("init", init, net, generator=generator, activation=activation, batch=images)


def first_batch(config: Mapping[str, Any], splits: Splits) -> Tensor:
    """One batch of training images, evenly spaced and normalised: (N, C, H, W) floats on the CPU."""
    split = evenly(splits.train, config["data"]["batch_size"])
    images = split.images if isinstance(split, Memory) else torch.stack([split[i][0] for i in range(len(split))])
    return prepared(images, preparation(config["data"]["normalize"], splits))
