"""Class activation maps of the last features: where in the image the evidence for a class is."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.subject import DoesNotApply, Found, Measure, Subject
from dropgrid.sites import with_inference

CLASSES = ("target", "predicted")
FOUR = np.array([[[0] * 3] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0] * 3] * 3])
"""Neighbours of a cell (images, h, w): the four beside it on its own map."""

EXACT = 0.01
"""Of the largest logit: how far averaged maps and logits may be apart by rounding, on whatever device."""


def cam(subject: Subject, *, of: str, threshold: float, smallest: int, images: int) -> Found:
    """CAM_c(y, x) = Σₖ w_ck fₖ(y, x) of each test image, f the features before the global average, w the classifier's.

    The logit of c is the map's mean plus a bias, so the map says which places the class is read from. Spread is the
    share of a map's area above `threshold` of its maximum, 0 where nothing of it is above 0; regions are the
    4-connected parts of that area. Both are means over the test images.

    Args:
        of: the map of the class `target` (the true one) or `predicted`.
        threshold: in [0, 1).
        smallest: cells on the shorter side, at least: the area of a smaller map says little.
        images: number of test images, equally many of each class, kept with their maps: uint8 `images`
            (N, C, H, W), float32 `maps` (N, h, w), `targets`, `predicted` (N,), `places` (N,) in the test set, and the
            names of all `classes`.

    Raises:
        DoesNotApply: the network does not end in global average and linear classifier, or its last map is too small.
        ValueError: an argument outside these.

    Source: Zhou et al., CVPR 2016, §2; Ghiasi, Lin, Le, NeurIPS 2018, Fig. 6.
    """
    checks.one_of("of", of, CLASSES)
    checks.number("threshold", threshold, least=0, below=1)
    for key, number in (("smallest", smallest), ("images", images)):
        checks.whole_number(key, number, 1)
    test = subject.splits.test
    targets = torch.as_tensor(test.labels)
    logits, maps = activation_maps(subject, targets if of == "target" else None)
    if min(maps.shape[1:]) < smallest:
        size = "×".join(map(str, maps.shape[1:]))
        raise DoesNotApply(f"the last map has {size} cells, too few to see where it is active (evaluate.smallest)")
    lit = above(maps, threshold)
    area = f"above {threshold:g} of its maximum"
    places = chosen(targets, images)
    shown = subject.images(test.select(places))
    arrays = {"images": shown, "maps": maps[places], "targets": targets[places], "places": places}
    arrays["predicted"] = logits.argmax(1)[places]
    return Found(
        {
            "spread": Measure(float(lit.double().mean()), f"CAM area {area}"),
            "regions": Measure(regions(lit), f"CAM regions {area}", ""),
        },
        {"classes": np.array(subject.spec.classes), **{name: each.numpy() for name, each in arrays.items()}},
    )


def activation_maps(subject: Subject, classes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits (N, classes) of the test images without masks, and float32 maps (N, h, w) of each one's class.

    `classes` (N,) int64; None is the predicted ones.
    """
    network = with_inference(subject.network, False)
    pool, classifier = head(network)
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
        logits, _ = subject.predict(subject.splits.test, network=network)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, torch.cat(found)


ENDS = "its logits are no linear function of globally averaged features"


def head(network: nn.Module) -> tuple[nn.AdaptiveAvgPool2d, nn.Linear]:
    """The global average and the linear classifier that a network ends in; DoesNotApply where it has none."""
    pools = [each for each in network.modules() if isinstance(each, nn.AdaptiveAvgPool2d)]
    linears = [each for each in network.modules() if isinstance(each, nn.Linear)]
    if not pools or not linears or pools[-1].output_size not in (1, (1, 1)):
        raise DoesNotApply(ENDS)
    return pools[-1], linears[-1]


def above(maps: Tensor, threshold: float) -> Tensor:
    """Where maps (N, h, w) are above `threshold` of their own maximum and above 0: boolean, of that shape."""
    return (maps > threshold * maps.amax((1, 2), keepdim=True)) & (maps > 0)


def regions(lit: Tensor) -> float:
    """How many 4-connected parts the lit cells of a map (N, h, w) have, on average."""
    count: int = label(lit.numpy(), FOUR)[1]
    return count / len(lit)


def chosen(targets: Sequence[int] | Tensor, count: int) -> Tensor:
    """Places (N,) of images, at most `count`: the first of each class, of evenly spaced classes where those are more,
    then the second of each, and so on.
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
