"""Class activation maps: where in the image the last features show evidence for a class."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, TrainedCell
from dropgrid.sites import with_inference

CLASSES = ("target", "predicted")
FOUR = np.array([[[0] * 3] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0] * 3] * 3])
"""Connectivity of (images, h, w): the four neighbours on the same map."""

EXACT = 0.01
"""The largest rounding difference between averaged maps and logits on any device, as a share of the largest logit."""


def cam(cell: TrainedCell, *, of: str, threshold: float, smallest: int, images: int) -> MeasureResult:
    """CAM_c(y, x) = Σₖ w_ck fₖ(y, x) of each test image, f the features before the global average, w the classifier's.

    The logit of c is the map's mean plus a bias, so the map shows which places contribute to the class. Spread is the
    share of a map's area above `threshold` times its maximum, 0 if no value is above 0; regions is the number of
    4-connected parts of that area. Both are means over the test images.

    Args:
        of: the class of the map, `target` (the true one) or `predicted`.
        threshold: a number in [0, 1).
        smallest: the fewest cells on the shorter side of a map, because the area of a smaller map is too coarse.
        images: number of test images, equally many of each class, saved with their maps.

    Arrays: uint8 `images` (N, C, H, W), float32 `maps` (N, h, w), `targets`, `predicted` (N,), `places` (N,) in the
    test set, and the names of all `classes`.

    Raises:
        DoesNotApply: the network does not end in global average and linear classifier, or its last map is too small.
        ValueError: an argument is out of its range.

    Source: Zhou et al., CVPR 2016, §2; Ghiasi, Lin, Le, NeurIPS 2018, Fig. 6.
    """
    cell.require_classes()
    checks.one_of("of", of, CLASSES)
    checks.number("threshold", threshold, least=0, below=1)
    for key, number in (("smallest", smallest), ("images", images)):
        checks.whole_number(key, number, 1)
    test = cell.splits.test
    targets = torch.as_tensor(test.labels)
    logits, maps = activation_maps(cell, targets if of == "target" else None)
    if min(maps.shape[1:]) < smallest:
        size = "×".join(map(str, maps.shape[1:]))
        raise DoesNotApply(f"the last map has {size} cells, too few to see where it is active (evaluate.smallest)")
    lit = threshold_maps(maps, threshold)
    area = f"above {threshold:g} of its maximum"
    places = choose_images(targets, images)
    shown = cell.images(test.select(places))
    arrays = {"images": shown, "maps": maps[places], "targets": targets[places], "places": places}
    arrays["predicted"] = logits.argmax(1)[places]
    return MeasureResult(
        {
            "spread": Measure(float(lit.double().mean()), f"CAM area {area}"),
            "regions": Measure(count_regions(lit), f"CAM regions {area}", ""),
        },
        {"classes": np.array(cell.spec.classes), **{name: each.numpy() for name, each in arrays.items()}},
    )


def activation_maps(cell: TrainedCell, classes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return logits (N, classes) of the test images without masks, and float32 maps (N, h, w) of each one's class.

    `classes` is int64 (N,); None takes the predicted classes.
    """
    network = with_inference(cell.network, False)
    pool, classifier = find_head(network)
    seen: list[Tensor] = []
    found: list[Tensor] = []

    def arrives(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen.append(arguments[0])

    def leaves(_: nn.Module, __: tuple[Tensor, ...], logits: Tensor) -> None:
        features, begin = seen.pop(), sum(map(len, found))
        weight, bias = classifier.weight, classifier.bias  # on the device by now
        if features.ndim != 4 or features.shape[1] != weight.shape[1] or logits.ndim != 2:
            raise DoesNotApply(ENDS)
        wanted = logits.argmax(1) if classes is None else classes[begin : begin + len(logits)].to(logits.device)
        maps = torch.einsum("nk,nkhw->nhw", weight[wanted], features)
        own = logits.gather(1, wanted[:, None])[:, 0]
        means = maps.mean((1, 2)) + (0 if bias is None else bias[wanted])
        if (means - own).abs().max() > EXACT * logits.abs().max():
            raise DoesNotApply(ENDS)
        found.append(maps.float().cpu())

    hooks = [pool.register_forward_pre_hook(arrives), classifier.register_forward_hook(leaves)]
    try:
        logits, _ = cell.predict(cell.splits.test, network=network)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, torch.cat(found)


ENDS = "its logits are no linear function of globally averaged features"


def find_head(network: nn.Module) -> tuple[nn.AdaptiveAvgPool2d, nn.Linear]:
    """Return the global average and the linear classifier at a network's end; DoesNotApply if it has none."""
    pools = [each for each in network.modules() if isinstance(each, nn.AdaptiveAvgPool2d)]
    linears = [each for each in network.modules() if isinstance(each, nn.Linear)]
    if not pools or not linears or pools[-1].output_size not in (1, (1, 1)):
        raise DoesNotApply(ENDS)
    return pools[-1], linears[-1]


def threshold_maps(maps: Tensor, threshold: float) -> Tensor:
    """Return which cells of maps (N, h, w) are above `threshold` times the map's maximum and above 0."""
    return (maps > threshold * maps.amax((1, 2), keepdim=True)) & (maps > 0)


def count_regions(lit: Tensor) -> float:
    """Return the mean number of 4-connected parts of the true cells of maps (N, h, w)."""
    count: int = label(lit.numpy(), FOUR)[1]
    return count / len(lit)


def choose_images(targets: Sequence[int] | Tensor, count: int) -> Tensor:
    """Return the places (N,) of at most `count` images: the first of each class, then the second of each, and so on; if
    there are more classes than `count`, the first of evenly spaced classes.
    """
    labels = np.asarray(targets)
    order = np.argsort(labels, kind="stable")
    begins = np.searchsorted(labels[order], labels[order])
    turns = np.arange(len(labels)) - begins  # how many of the class came before
    taken = order[np.argsort(turns, kind="stable")]
    classes = int((turns == 0).sum())
    if count < classes:
        taken = taken[np.arange(count) * classes // count]
    return torch.from_numpy(taken[:count])
