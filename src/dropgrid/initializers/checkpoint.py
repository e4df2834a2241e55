"""Weights from a file."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.kaiming import kaiming
from dropgrid.initializers.layers import Generators

WRAPPED = ("state_dict", "model")
"""Under which key training scripts keep a state dict (Lightning; torchvision's references)."""


def checkpoint(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    path: str | None,
    fingerprint: str | None,
    strict: bool,
    skip: Collection[str],
) -> None:
    """Parameters and buffers by name from a state dict, such as torchvision's or a finished cell's.

    What the file does not give is drawn as `init=kaiming` does by default (fan_out, normal). On the meta device names
    and shapes are checked, and nothing is copied.

    Args:
        path: a .safetensors file, or one of torch.save that holds tensors alone (a state dict, or one under the key
            `state_dict` or `model`).
        fingerprint: of the file (see `fingerprint_of`), or None; another file is an error.
        strict: the file must give every parameter and buffer, and no others, but for what is skipped.
        skip: modules or parameters, by dotted name, that are not taken from the file: [fc] for other classes.

    Raises:
        ValueError: no such file, or not one of tensors; names or shapes that do not fit; a skip that skips nothing.
    """
    if not isinstance(path, str) or not path:
        raise ValueError(f"init.path must name a .safetensors or torch file, got {path!r}")
    checks.boolean("init.strict", strict)
    if isinstance(skip, str) or not all(isinstance(name, str) for name in skip):
        raise ValueError(f"init.skip must list names of modules or parameters, got {skip!r}")
    kaiming(model, generator=generator, activation=activation, mode="fan_out", distribution="normal")
    found = fingerprint_of(path)
    if fingerprint not in (None, found):
        raise ValueError(f"init.path: {path} is not the file that was planned: its fingerprint is {found}")
    given, own = read_tensors(path), model.state_dict()
    for name in skip:
        if not any(is_under(each, name) for each in (*given, *own)):
            raise ValueError(f"init.skip names {name}, which neither the file nor the network has")
    wanted = {name for name in own if not any(is_under(name, each) for each in skip)}
    offered = {name for name in given if not any(is_under(name, each) for each in skip)}
    check_names(wanted, offered, strict)
    for name in sorted(wanted & offered):
        if given[name].layout != torch.strided or given[name].is_meta or given[name].is_complex():
            raise ValueError(f"init.path: {name} is no dense tensor of real numbers in the file")
        if own[name].shape != given[name].shape:
            raise ValueError(
                f"init.path: {name} is {tuple(given[name].shape)} in the file and {tuple(own[name].shape)} in the "
                f"network; leave it out with init.skip=[{name.rpartition('.')[0] or name}]"
            )
    with torch.no_grad():
        for name in wanted & offered:
            if not own[name].is_meta:
                own[name].copy_(given[name])


def check_names(wanted: Collection[str], offered: Collection[str], strict: bool) -> None:
    """Raise ValueError if the names of network and file do not fit."""
    missing = [name for name in wanted if name not in offered and not name.endswith(".num_batches_tracked")]
    unknown = [name for name in offered if name not in wanted]
    if len(unknown) == len(offered):
        raise ValueError(f"init.path: the file has nothing of this network; it has {list_names(offered)}")
    if strict and missing:
        raise ValueError(f"init.path: the file lacks {list_names(missing)}; init.strict=false takes what there is")
    if strict and unknown:
        raise ValueError(f"init.path: the network has no {list_names(unknown)}; init.strict=false leaves them out")


def is_under(name: str, prefix: str) -> bool:
    """Predicate: a dotted name equals `prefix` or lies under it."""
    return name == prefix or name.startswith(f"{prefix}.")


def list_names(names: Collection[str]) -> str:
    """Return the first names of many, as text."""
    first = " ".join(", ".join(sorted(names)[:3]).split())
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first or "no tensors"


def read_tensors(path: str) -> Mapping[str, Tensor]:
    """Return the tensors of a file by name, on the CPU.

    Raises:
        ValueError: not a file of tensors.
    """
    try:
        with torch.device("cpu"):
            if Path(path).suffix == ".safetensors":
                return load_file(path)
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors' and pickle's parsers raise whatever they happened on
        raise ValueError(f"init.path: {path} is no safetensors or torch file of tensors alone") from error
    for key in WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise ValueError(f"init.path: {path} holds no state dict")
    if not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError(f"init.path: {path} holds no state dict")
    return found


def fingerprint_of(path: str) -> str:
    """Return the sha256 of a file's bytes, 16 hex digits: its part in a cell's identity, wherever the file lies.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"init.path: cannot read {path}: {error.strerror}") from error
