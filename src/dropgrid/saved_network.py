"""A finished cell's network, and the files of its weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from dropgrid import build, checks
from dropgrid.errors import UserError
from dropgrid.files import write_atomically
from dropgrid.paths import outputs_folder
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.records import is_finished, read_parts, read_result


def load_cell(id: str, outputs: Path | str | None = None, weights: str = "last") -> nn.Module:
    """Return the network of a finished cell in eval mode, with its last weights or its `best` by validation.

    `outputs` None is the folder in DROPGRID_OUTPUTS, by default `outputs`.

    Raises:
        UserError: no finished cell of that id, weights other than `last` and `best`, or a file that is not as trained.
    """
    run = Outputs(outputs_folder(outputs)).run(id)
    if not is_finished(run):
        raise UserError(f"no finished cell {id!r} in {run.folder.parent}")
    checks.one_of("weights", weights, ("last", "best"), error=UserError)
    config, local = read_parts(run.folder)
    net = build.network(config, build.source(config, local).spec())
    load_weights(net, run, weights)
    return net.eval()


def load_weights(net: nn.Module, run: RunFolder, which: str) -> dict[str, Tensor]:
    """Load a cell's `last` or `best` weights into a network, and return them; UserError if they are not those that its
    result vouches for, or not the network's own.
    """
    path = run.weights(which)
    try:
        tensors = load_file(path)
        net.load_state_dict(tensors)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UserError(f"cannot load {path}: {' '.join(str(error).split())}") from error
    known = ((read_result(run) or {}).get("weights") or {}).get(which)
    if known is not None and weights_hash(tensors) != known:
        raise UserError(f"cannot load {path}: not the weights in {run.result.name}; remove the cell and train it again")
    return tensors


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights as safetensors, atomically."""
    tensors = {k: v.contiguous().cpu() for k, v in weights.items()}
    write_atomically(path, lambda file: file.write(save(tensors)))


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """Return the sha256 of the weights' names and bytes, sorted by name; equal exactly if all bits are."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + b"\0")
        digest.update(weights[name].contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
