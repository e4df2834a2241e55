"""Build every part of a cell on the meta device, so that a sweep is refused whole before its first cell trains."""

import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid import build, checks
from dropgrid.augments.context import Stand
from dropgrid.augments.none import none as no_augment
from dropgrid.cores import MOST_THREADS
from dropgrid.data.batches import SAMPLERS, batch_limit
from dropgrid.data.preparation import KINDS
from dropgrid.data.source import Spec
from dropgrid.errors import UserError, one_line
from dropgrid.instantiate import call, instantiate
from dropgrid.lr_schedules.following import reads_validation
from dropgrid.tasks.objective import Objective
from dropgrid.tasks.task import Task

COMPILERS = (os.environ.get("CXX", "c++"), "g++", "clang++", "cl")
"""What torch.compile looks for."""


def dry_build(
    config: Mapping[str, Any], local: Mapping[str, Any], spec: Spec, net: nn.Module | None = None
) -> nn.Module:
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


def built(config: Mapping[str, Any], local: Mapping[str, Any], spec: Spec, net: nn.Module | None) -> nn.Module:
    """`dry_build`, with whatever torch raises of values that no network has."""
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
    if data["normalize"] == "zca" and any(
        each.func is not no_augment for each in build.options(config, "augment").values()
    ):
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
            net = build.network(config, spec)
            build.initialise(config, local, net)
            outputs = call("model", net, torch.zeros(2, *size))
            if isinstance(task, Objective):
                check_outputs(config, outputs, (2, *task.output_shape(spec)))
            check_single(config, net, size)
        assert call("optimizer", build.optimizer(config), net).param_groups, "an optimizer has parameters"
        instantiate("logger", local["logger"])
        loss = instantiate("loss", config["loss"])
        if isinstance(task, Objective):
            stand_in, targets = task.stand_in(spec)
            task.step(stand_in, loss, torch.zeros(2, *size), targets)
        call("penalty", build.penalty(config).term, net)
    call("average", instantiate("average", config["average"]).due, 0, 1, 1)
    if isinstance(task, Objective):
        with torch.random.fork_rng(devices=[]):  # torch draws weights
            stand_in, targets = task.stand_in(spec)
        stand = Stand(stand_in, instantiate("loss", config["loss"]), len(spec.classes))
        generator = torch.Generator()
        call("augment", build.augment(config), torch.zeros(2, *size), targets, generator=generator, context=stand)
    schedule = instantiate("lr_schedule", config["lr_schedule"])
    if reads_validation(schedule) and not (spec.val and trainer["limit_val_batches"]):
        option = schedule.func.__name__
        raise UserError(f"lr_schedule={option} needs validation: data.val above 0, and trainer.limit_val_batches")
    for step in (0, 50, 99):
        call("lr_schedule", schedule, step, 100)
    return net


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


def check_step(config: Mapping[str, Any], images: int) -> None:
    """UserError for batches larger than the training set, steps on fewer of them than others, and where an optimizer
    wants the set whole and does not get it.
    """
    size, batches = config["data"]["batch_size"], config["trainer"]["accumulate_grad_batches"]
    checks.whole_number("trainer.accumulate_grad_batches", batches, 1, error=UserError)
    if size > images:
        raise UserError(f"data.batch_size={size} is larger than the training set of {images} images")
    epoch = batch_limit(config["trainer"]["limit_train_batches"], images // size)
    if epoch % batches:
        fitting = ", ".join(str(each) for each in range(1, min(epoch, 64) + 1) if epoch % each == 0)
        raise UserError(
            f"trainer.accumulate_grad_batches={batches} does not divide the {epoch} batches of an epoch: its last step "
            f"would see fewer and divide by {batches}; use one of {fitting}, or another trainer.limit_train_batches"
        )
    ranks = config["trainer"].get("ranks", 1)
    if size % ranks:
        raise UserError(f"data.batch_size={size} cannot be divided among trainer.ranks={ranks}")
    option = instantiate("optimizer", config["optimizer"]).func
    if getattr(option, "whole_set", False) and size * batches != images:
        raise UserError(
            f"optimizer={option.__name__} takes each step on all {images} training images, "
            f"got data.batch_size={size}; say data.batch_size=all"
        )


def check_single(config: Mapping[str, Any], net: nn.Module, size: tuple[int, ...]) -> None:
    """UserError if a process sees one image a step, and a norm would have one value a channel to normalize."""
    if config["data"]["batch_size"] // config["trainer"].get("ranks", 1) > 1:
        return
    try:
        net(torch.zeros(1, *size))
    except ValueError as error:  # torch's own
        raise UserError(
            f"data.batch_size={config['data']['batch_size']} leaves norm={config['norm'].get('option')} one value a "
            "channel, of which there is no variance: use batches of 2 or more a process, or another norm"
        ) from error
