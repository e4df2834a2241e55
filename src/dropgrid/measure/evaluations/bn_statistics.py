"""What a trained network predicts with each kind of batch norm's statistics."""

import copy

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import checks
from dropgrid.callbacks.average import reestimate
from dropgrid.data.batches import batches
from dropgrid.data.split import mixed
from dropgrid.measure.trained_cell import SPLITS, DoesNotApply, Measure, TrainedCell
from dropgrid.norms.batch import Kept


def bn_statistics(cell: TrainedCell, *, split: str) -> dict[str, Measure]:
    """The task's headline metric with each kind of statistics in every batch norm; the weights are the same.

    Kinds: those that the cell's norms kept (`norm.statistics`, a list keeps several), or else the one that they have;
    `batch`, those of each batch of data.eval_batch_size images; `reestimated`, the plain means over the training set,
    not augmented, in batches of that size. If a split comes class by class, its batches are of random images.

    Args:
        split: the images, of `train` (not augmented) or `test`.

    Raises:
        DoesNotApply: the network has no batch norm.
        ValueError: split is another name.

    Source: Ioffe, Szegedy, ICML 2015, §3.1 and Algorithm 2.
    """
    checks.one_of("split", split, SPLITS)
    norms = batch_norms(cell.network)
    if not norms:
        raise DoesNotApply("no batch norm in this network")
    networks = {"batch": with_statistics(cell.network, None)}
    if norms[0].running_mean is not None:
        networks |= kept_in_training(cell, norms[0]) | {"reestimated": reestimated(cell)}
    images = mixed(getattr(cell.splits, split), cell.seed)
    found = {}
    for name, network in networks.items():
        measured = cell.headline(cell.predict(images, network=network))
        found[name] = measured._replace(label=f"{measured.label}, statistics: {name.replace('_', ' ')}")
    return found


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of a network."""
    return [each for each in network.modules() if isinstance(each, _BatchNorm)]


def with_statistics(network: nn.Module, index: int | None) -> nn.Module:
    """Return a copy whose batch norms use their kept statistics of this index; None: those of the batch."""
    changed = copy.deepcopy(network)
    for norm in batch_norms(changed):
        norm.running_mean = norm.running_var = None
        if index is not None:
            assert isinstance(norm.kept, Kept)
            norm.running_mean, norm.running_var = norm.kept.mean[index], norm.kept.var[index]
    return changed


def kept_in_training(cell: TrainedCell, norm: _BatchNorm) -> dict[str, nn.Module]:
    """Return a network for each kind of statistics that the cell's norms, of which this is one, kept."""
    kept = getattr(norm, "kept", None)
    if not isinstance(kept, Kept):
        return {cell.config["norm"].get("statistics", "moving"): cell.network}
    return {name: with_statistics(cell.network, index) for index, name in enumerate(kept.names)}


def reestimated(cell: TrainedCell) -> nn.Module:
    """Return a copy whose batch norms have the means over the training set."""
    network = copy.deepcopy(cell.network)
    size = cell.config["data"]["eval_batch_size"]
    loader = batches(
        mixed(cell.splits.train, cell.seed), size, order=None, drop_last=False, workers=0, device=cell.device
    )
    reestimate(cell.learner(network, cell.seed).to(cell.device), loader)
    return network
