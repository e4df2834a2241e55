"""What an optimizer step sees: configs whose steps would not be what they say are refused."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from dropgrid import checks
from dropgrid.data.batches import batch_limit
from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate


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
