"""The headline metric with DropBlock left on at inference."""

from collections.abc import Sequence

from dropgrid.measure.trained_cell import POINTS, Measure, TrainedCell, require_list
from dropgrid.sites import drop_prob_of


def dropblock_inference(
    cell: TrainedCell,
    *,
    keep_probs: Sequence[float],
    block_sizes: Sequence[int],
    groups: Sequence[int] | None,
    skip: bool,
    per_channel: bool,
    gamma: str,
    per_group_rate: bool,
) -> dict[str, Measure]:
    """The headline metric at each block size and keep_prob, with a mask per image and site, and no other regularizer.

    The masks are functions of the cell's seed, the batch and the site; norms use their running statistics. The loss of
    a block size is the metric without dropping minus that at the lowest keep_prob, in points.

    Args:
        keep_probs: numbers in (0, 1], used at full rate; 1 drops nothing.
        block_sizes: sides of a block in cells, clamped to the map.
        groups, skip, per_channel, gamma, per_group_rate: as in `dropgrid.regularizers.dropblock.dropblock`.

    Raises:
        ValueError: DropBlock refuses a keep_prob or another argument.

    Source: Ghiasi, Lin, Le, NeurIPS 2018, Fig. 5.
    """
    for keep_prob in require_list("keep_probs", keep_probs):
        drop_prob_of(keep_prob)
    bare = {key: node for key, node in cell.config.items() if key.partition("_")[0] != "regularizer"}
    node = {
        "option": "dropblock",
        "groups": groups,
        "part": "encoder",
        "skip": skip,
        "schedule": "constant",
        "per_channel": per_channel,
        "gamma": gamma,
        "seeds": "fits",
        "per_group_rate": per_group_rate,
        "inference": True,
    }

    def measured(block_size: int, keep_prob: float) -> Measure:
        """Return the headline metric with one block size and keep_prob."""
        chosen = {**node, "block_size": block_size, "keep_prob": keep_prob}
        network = cell.rebuilt({**bare, "regularizer": chosen})
        return cell.headline(cell.predict(cell.splits.test, network=network))

    sizes = require_list("block_sizes", block_sizes)
    plain, lowest = measured(sizes[0], 1.0), min(keep_probs)
    found = {}
    for size in sizes:
        name = f"DropBlock at inference, block {size}"
        levels = {keep_prob: plain if keep_prob == 1 else measured(size, keep_prob) for keep_prob in keep_probs}
        for keep_prob, each in levels.items():
            found[f"block_{size}_keep_prob_{keep_prob:g}"] = each._replace(label=f"{name}, keep_prob {keep_prob:g}")
        if lowest < 1:
            lost = 100 * (plain.value - levels[lowest].value)
            found[f"block_{size}_loss"] = Measure(lost, f"{name}, loss at keep_prob {lowest:g}", POINTS)
    return found
