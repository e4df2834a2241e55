"""What the tools are timed on."""

from typing import NamedTuple


class Work(NamedTuple):
    """A sweep: every row at every seed, a repeat.

    Args:
        model: dropgrid's option, which `net.Net` with these arguments is.
        rows: names to DropBlock's drop_prob; in the last the accuracies are compared.
        block: DropBlock's side.
        images: to train on.
        batch: images a step, of which `images` is a multiple: the tools differ in what they do with a rest.
    """

    model: str
    net: dict[str, int]
    rows: dict[str, float]
    block: int
    images: int
    batch: int
    epochs: int
    seeds: int
    repeats: int


WORKS = {
    # the demo's net, small maps; of fewer digits accuracies spread over seeds so much that it would take sixty of them
    "demo": Work(
        "resnet14_mnist",
        {"blocks": 2, "stem_stride": 2, "last_stride": 1},
        {"none": 0.0, "dropblock": 0.1},
        block=3,
        images=2000,
        batch=50,
        epochs=6,
        seeds=12,
        repeats=2,
    ),
    # the net, the block and the batch of CIFAR's DropBlock tables, on digits; two keep_probs
    "keep_prob": Work(
        "resnet20",
        {"blocks": 3, "stem_stride": 1, "last_stride": 2},
        {"less": 0.2, "dropblock": 0.1},
        block=7,
        images=1920,
        batch=128,
        epochs=10,
        seeds=6,
        repeats=1,
    ),
}
