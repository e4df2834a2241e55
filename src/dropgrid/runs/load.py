"""A finished cell's network."""

from pathlib import Path

import yaml
from safetensors.torch import load_file
from torch import nn

from dropgrid import build
from dropgrid.errors import UserError
from dropgrid.runs.folder import run_folder


def load_cell(id: str, outputs: Path | str = "outputs", weights: str = "last") -> nn.Module:
    """The network of a finished cell in eval mode, with its last weights or its `best` by validation accuracy.

    Raises:
        UserError: no finished cell of that id, or weights other than `last` and `best`.
    """
    folder = run_folder(outputs, id)
    if not (folder / "result.json").exists():
        raise UserError(f"no finished cell {id!r} in {folder.parent}")
    if weights not in ("last", "best"):
        raise UserError(f"weights must be last or best, got {weights!r}")
    config, local = (yaml.safe_load((folder / f"{part}.yaml").read_text()) for part in ("config", "local"))
    net = build.network(config, build.source(config, local).spec())
    net.load_state_dict(load_file(folder / f"{weights}.safetensors"))
    return net.eval()
