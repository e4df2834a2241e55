"""Accuracy with DropBlock left on at inference."""

from collections.abc import Sequence

from dropgrid.measure.subject import POINTS, Measure, Subject, listed
from dropgrid.scores import accuracy
from dropgrid.sites import drop_prob_of


def dropblock_inference(
    subject: Subject,
    *,
    keep_probs: Sequence[float],
    block_sizes: Sequence[int],
    groups: Sequence[int] | None,
    skip: bool,
    per_channel: bool,
    gamma: str,
    per_group_rate: bool,
) -> dict[str, Measure]:
    """Test accuracy at each block size and keep_prob, a mask for each image and site, without the cell's regularizer.

    The masks are functions of the cell's seed, the batch and the site; norms use their running statistics. The loss of
    a block size is the plain accuracy minus that at the lowest keep_prob, in points.

    Args:
        keep_probs: each at its full rate, in (0, 1]; 1 is the plain accuracy.
        block_sizes: sides of a block, in cells; each is clamped to the map.
        groups, skip, per_channel, gamma, per_group_rate: as in `dropgrid.regularizers.dropblock.dropblock`.

    Raises:
        ValueError: a keep_prob or an argument that DropBlock refuses.

    Source: Ghiasi, Lin, Le, NeurIPS 2018, Fig. 5.
    """
    for keep_prob in listed("keep_probs", keep_probs):
        drop_prob_of(keep_prob)
    bare = {key: node for key, node in subject.config.items() if key.partition("_")[0] != "regularizer"}
    node = {
        "option": "dropblock",
        "groups": groups,
        "skip": skip,
        "schedule": "constant",
        "per_channel": per_channel,
        "gamma": gamma,
        "seeds": "fits",
        "per_group_rate": per_group_rate,
        "inference": True,
    }

    def share(block_size: int, keep_prob: float) -> float:
        """Accuracy with one block size and keep_prob."""
        chosen = {**node, "block_size": block_size, "keep_prob": keep_prob}
        return accuracy(*subject.predict(subject.splits.test, network=subject.rebuilt({**bare, "regularizer": chosen})))

    sizes = listed("block_sizes", block_sizes)
    plain, lowest = share(sizes[0], 1.0), min(keep_probs)
    found = {}
    for size in sizes:
        name = f"DropBlock at inference, block {size}"
        shares = {keep_prob: plain if keep_prob == 1 else share(size, keep_prob) for keep_prob in keep_probs}
        for keep_prob, each in shares.items():
            found[f"block_{size}_keep_prob_{keep_prob:g}"] = Measure(each, f"{name}, keep_prob {keep_prob:g}")
        if lowest < 1:
            lost = 100 * (plain - shares[lowest])
            found[f"block_{size}_loss"] = Measure(lost, f"{name}, loss at keep_prob {lowest:g}", POINTS)
    return found
