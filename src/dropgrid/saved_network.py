"""A finished cell's network."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dropgrid import build, checks
from dropgrid.errors import UserError
from dropgrid.paths import outputs_folder
from dropgrid.store.layout import Outputs
from dropgrid.store.records import read_parts


def load_cell(id: str, outputs: Path | str | None = None, weights: str = "last") -> nn.Module:
    """The network of a finished cell in eval mode, with its last weights or its `best` by validation.

    `outputs` None is where DROPGRID_OUTPUTS says, else the folder `outputs`.

    Raises:
        UserError: no finished cell of that id, or weights other than `last` and `best`.
    """
    run = Outputs(outputs_folder(outputs)).run(id)
    if not run.finished:
        raise UserError(f"no finished cell {id!r} in {run.folder.parent}")
    checks.one_of("weights", weights, ("last", "best"), error=UserError)
    config, local = read_parts(run.folder)
    net = build.network(config, build.source(config, local).spec())
    load_weights(net, run.weights(weights))
    return net.eval()


def load_weights(net: nn.Module, path: Path) -> dict[str, Tensor]:
    """Put a safetensors file's weights into a network, and hand them back; UserError where they are not its own."""
    try:
        tensors = load_file(path)
        net.load_state_dict(tensors)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UserError(f"cannot load {path}: {' '.join(str(error).split())}") from error
    return tensors
