"""Accuracy with DropBlock left on at inference."""

from collections.abc import Sequence

from dropgrid.evaluations.subject import Measure, Subject, listed
from dropgrid.runs.measure import accuracy
from dropgrid.sites import drop_prob_of

DROPBLOCK = "dropgrid.regularizers.dropblock.dropblock"


def dropblock_inference(
    subject: Subject,
    *,
    keep_probs: Sequence[float],
    block_size: int,
    groups: Sequence[int] | None,
    skip: bool,
    per_channel: bool,
    gamma: str,
    per_group_rate: bool,
) -> dict[str, Measure]:
    """Test accuracy at each keep_prob, one mask for each image and site, instead of the cell's own regularizer.

    The masks are functions of the cell's seed, the batch and the site; norms use their running statistics.

    Args:
        keep_probs: each at its full rate, in (0, 1]; 1 is the plain accuracy.
        block_size, groups, skip, per_channel, gamma, per_group_rate: as in `dropgrid.regularizers.dropblock.dropblock`.

    Raises:
        ValueError: a keep_prob or an argument that DropBlock refuses.

    Source: Ghiasi, Lin, Le, NeurIPS 2018, Fig. 5.
    """
    for keep_prob in listed("keep_probs", keep_probs):
        drop_prob_of(keep_prob)
    bare = {key: node for key, node in subject.config.items() if key.partition("_")[0] != "regularizer"}
    node = {
        "_target_": DROPBLOCK,
        "_partial_": True,
        "block_size": block_size,
        "groups": groups,
        "skip": skip,
        "schedule": "constant",
        "per_channel": per_channel,
        "gamma": gamma,
        "seeds": "fits",
        "per_group_rate": per_group_rate,
        "inference": True,
    }
    found = {}
    for keep_prob in keep_probs:
        network = subject.rebuilt({**bare, "regularizer": {**node, "keep_prob": keep_prob}})
        share = accuracy(*subject.predict(subject.splits.test, network=network))
        found[f"keep_prob_{keep_prob:g}"] = Measure(share, f"DropBlock at inference keep_prob {keep_prob:g}")
    return found
