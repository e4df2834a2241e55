"""The headline metric of each column of a fractal net alone."""

import copy

from torch import nn

from dropgrid.callbacks.average import reestimate
from dropgrid.data.batches import batches
from dropgrid.measure.trained_cell import DoesNotApply, Measure, TrainedCell
from dropgrid.models.fractal import Fractal


def columns(cell: TrainedCell, *, reestimated: bool) -> dict[str, Measure]:
    """The headline metric of every column alone, from the shallowest: no other path reaches a join.

    Args:
        reestimated: estimate the statistics of batch norm for each column on the training images, with its paths alone;
            false keeps those of training, which belong to the means over all paths that were kept there.

    Raises:
        DoesNotApply: the network has no fractal blocks.

    Source: Larsson, Maire, Shakhnarovich, ICLR 2017, §4.3 and Table 1 (the deepest column alone).
    """
    count = max((block.columns for block in fractal_blocks(cell.network)), default=0)
    if not count:
        raise DoesNotApply("its network has no columns: model=fractal has")
    size = cell.config["data"]["eval_batch_size"]
    found = {}
    for column in range(count):
        alone = copy.deepcopy(cell.network)
        for block in fractal_blocks(alone):
            block.only = column
        if reestimated:
            images = batches(cell.splits.train, size, order=None, drop_last=False, workers=0, device=cell.device)
            reestimate(cell.learner(alone, cell.seed).to(cell.device), images)
        measured = cell.headline(cell.predict(cell.splits.test, network=alone))
        depth = 2**column
        layers = f"{depth} layer{'' if depth == 1 else 's'} a block"
        found[f"column_{column}"] = measured._replace(label=f"Column of {layers} alone")
    return found


def fractal_blocks(network: nn.Module) -> list[Fractal]:
    """Return the fractal blocks of a network."""
    return [module for module in network.modules() if isinstance(module, Fractal)]
