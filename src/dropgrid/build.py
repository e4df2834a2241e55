"""From the plain config of a cell to its parts."""

import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dropgrid import checks, sites, streams
from dropgrid.augments.context import Stand
from dropgrid.augments.none import none as no_augment
from dropgrid.cores import MOST_THREADS
from dropgrid.data.batches import SAMPLERS
from dropgrid.data.preparation import KINDS, preparation, prepared
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import AGAIN, Memory, Split, Splits, evenly
from dropgrid.errors import UserError, one_line
from dropgrid.instantiate import call, instantiate
from dropgrid.lr_schedules.following import reads_validation
from dropgrid.optimizers.fused import fused
from dropgrid.regularizers.none import none
from dropgrid.steps import check_single, check_step
from dropgrid.store.identity import OF_THE_LOADER, unite, unread_axes
from dropgrid.tasks.description import trains_itself
from dropgrid.tasks.objective import Objective
from dropgrid.tasks.task import Task

if TYPE_CHECKING:
    from dropgrid.learner import AbstractLearner

COMPILERS = (os.environ.get("CXX", "c++"), "g++", "clang++", "cl")
"""What torch.compile looks for."""


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


def check(config: Mapping[str, Any], local: Mapping[str, Any], spec: Spec, net: nn.Module | None = None) -> nn.Module:
    """Build every part but the trainer on the meta device, and raise UserError for what would not train; the network.

    Nothing is computed and no memory taken: a sweep is checked whole before its first cell trains. `net` is one that
    was checked with a config of the same network.
    """
    try:
        return built(config, local, spec, net)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError) as error:
        if asked := re.search(r"tried to allocate (\d+) bytes", str(error)):
            needs = f"{int(asked[1]) / 1e9:,.0f} GB for a single tensor"
            raise UserError(f"this config needs {needs}: make it smaller") from error
        raise UserError(f"this config cannot be built: {type(error).__name__}: {one_line(error)}") from error


def check_targets(config: Mapping[str, Any], task: Objective[Any], spec: Spec) -> None:
    """Raise UserError if a task needs other targets than the data have, or an option of data needs others."""
    option, data = config["task"]["option"], config["data"]
    if task.targets != spec.targets:
        raise UserError(
            f"task={option.lower()} needs data with {task.targets}, and those of data={data['option']} are "
            f"{spec.targets}; choose another task= or data="
        )
    if spec.targets != "classes" and data["sampler"] != "shuffled":
        raise UserError(f"data.sampler={data['sampler']} needs a class for each image; use data.sampler=shuffled")


def check_outputs(config: Mapping[str, Any], outputs: Any, shape: tuple[int, ...]) -> None:
    """Raise UserError if a network's outputs are not of the shape that the task needs."""
    found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    if found != shape:
        raise UserError(
            f"task={config['task']['option'].lower()} needs outputs of {'×'.join(map(str, shape[1:]))} for an image, "
            f"and this network (model={config['model']['option']}) gives "
            f"{'×'.join(map(str, found[1:])) if isinstance(found, tuple) else found}; choose another model= or task="
        )


def built(config: Mapping[str, Any], local: Mapping[str, Any], spec: Spec, net: nn.Module | None) -> nn.Module:
    """`check`, with whatever torch raises of values that no network has."""
    data, trainer = config["data"], config["trainer"]
    checks.whole_number("data.batch_size", data["batch_size"], 1, also="all", error=UserError)
    checks.whole_number("data.eval_batch_size", data["eval_batch_size"], 1, error=UserError)
    checks.whole_number("trainer.max_epochs", trainer["max_epochs"], 1, error=UserError)
    checks.whole_number("trainer.threads", trainer["threads"], 1, MOST_THREADS, error=UserError)
    for key in ("limit_train_batches", "limit_test_batches"):
        what = "a count of batches or a share of them,"
        checks.number(f"trainer.{key}", trainer[key], above=0, what=what, error=UserError)
    for key, allowed in (("normalize", KINDS), ("sampler", SAMPLERS)):
        checks.one_of(f"data.{key}", data[key], allowed, error=UserError)
    if data["normalize"] == "zca" and any(each.func is not no_augment for each in options(config, "augment").values()):
        raise UserError("data.normalize=zca leaves no pixels to augment: use augment=none")
    for key in ("channels_last", "compile", "fused"):
        checks.boolean(f"trainer.{key}", trainer[key], error=UserError)
    if trainer["compile"] and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"trainer.compile needs a C++ compiler, and none of {', '.join(COMPILERS)} is on the PATH")
    checks.whole_number("trainer.ranks", trainer.get("ranks", 1), 1, error=UserError)
    synced = {"trainer.sync_batchnorm": trainer.get("sync_batchnorm"), "norm.sync": config["norm"].get("sync")}
    if local["trainer"]["accelerator"] == "cpu" and trainer.get("ranks", 1) > 1 and any(synced.values()):
        key = next(key for key, value in synced.items() if value)
        raise UserError(f"{key} needs GPUs: torch's SyncBatchNorm has no form for the CPU")
    check_step(config, spec.train)
    task: Task[Any] = instantiate("task", config["task"])
    if isinstance(task, Objective):
        check_targets(config, task, spec)
    with torch.device("meta"):
        size = (spec.channels, *spec.size)
        if net is None:
            net = network(config, spec)
            initialise(config, local, net)
            outputs = call("model", net, torch.zeros(2, *size))
            if isinstance(task, Objective):
                check_outputs(config, outputs, (2, *task.output_shape(spec)))
            check_single(config, net, size)
        assert call("optimizer", optimizer(config), net).param_groups, "an optimizer has parameters"
        instantiate("logger", local["logger"])
        loss = instantiate("loss", config["loss"])
        if isinstance(task, Objective):
            stand_in, targets = task.stand_in(spec)
            task.step(stand_in, loss, torch.zeros(2, *size), targets)
        call("penalty", penalty(config).term, net)
    call("average", instantiate("average", config["average"]).due, 0, 1, 1)
    if isinstance(task, Objective):
        with torch.random.fork_rng(devices=[]):  # torch draws weights
            stand_in, targets = task.stand_in(spec)
        stand = Stand(stand_in, instantiate("loss", config["loss"]), len(spec.classes))
        generator = torch.Generator()
        call("augment", augment(config), torch.zeros(2, *size), targets, generator=generator, context=stand)
    schedule = instantiate("lr_schedule", config["lr_schedule"])
    if reads_validation(schedule) and not (spec.val and trainer["limit_val_batches"]):
        option = schedule.func.__name__
        raise UserError(f"lr_schedule={option} needs validation: data.val above 0, and trainer.limit_val_batches")
    for step in (0, 50, 99):
        call("lr_schedule", schedule, step, 100)
    return net
