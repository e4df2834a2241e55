"""Variance shift: what batch norm has learned to expect against what it gets once nothing is dropped."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.subject import DoesNotApply, Found, Measure, Subject
from dropgrid.measure.trace import calls
from dropgrid.sites import inference_drops, with_inference

SPLITS = ("train", "test")


def variance_shift(subject: Subject, *, split: str) -> Found:
    """By batch-norm layer, how far the variance of its input is from that in inference: with masks, and as stored.

    shift(a, b) = mean over channels of max(a + ε, b + ε) / min(a + ε, b + ε), 1 where they are equal; ε is the norm's
    own, so that the ratio is that of the squares of what it divides by. b is the variance of the layer's input over
    all images and places, without masks. a of `masks` is the same with the cell's regularizers dropping at their full
    rate, norms in eval mode: the shift that they make. a of `stored` is the moving variance from training: the shift
    that inference meets. That also holds what augmentation, the last steps of training and the split do; a cell without
    regularizer is the measure of it.

    Args:
        split: whose images, `train` (as in the data, not augmented) or `test`.

    Arrays: `layers` (L,) by name in the order of a forward pass; `masks` (L,) where something drops; `stored` (L,)
    where every norm keeps a moving variance.

    Raises:
        DoesNotApply: the network has no batch norm, or nothing drops and no moving variance is kept.
        ValueError: another split.

    Source: Li, Chen, Hu, Yang, CVPR 2019, Fig. 4: its shift ratio is `stored`. Differs from the paper: ε; `masks`.
    """
    checks.one_of("split", split, SPLITS)
    reached = calls(subject.network, (subject.spec.channels, *subject.spec.size))
    norms = {each.name: each.module for each in reached if isinstance(each.module, nn.modules.batchnorm._BatchNorm)}
    if not norms:
        raise DoesNotApply("no batch norm in this network")
    kept = {name: norm.running_var for name, norm in norms.items() if norm.running_var is not None}
    plain = variances(subject, [*norms], split, masks=False)
    found: dict[str, Measure] = {}
    arrays = {"layers": np.array([*norms])}

    def compare(kind: str, others: dict[str, Tensor], label: str) -> None:
        arrays[kind] = np.array([shift(others[name], plain[name], norm.eps) for name, norm in norms.items()])
        found[kind] = Measure(float(arrays[kind].mean()), label, "")
        found[f"{kind}_max"] = Measure(float(arrays[kind].max()), f"{label}, worst layer", "")

    if inference_drops(subject.network):
        compare("masks", variances(subject, [*norms], split, masks=True), "Variance shift, masks on against off")
    if len(kept) == len(norms):
        compare("stored", kept, "Variance shift, moving variance against inference")
    if not found:
        raise DoesNotApply("nothing drops in this network, and its batch norm keeps no moving variance")
    return Found(found, arrays)


def shift(one: Tensor, other: Tensor, eps: float) -> float:
    """The mean over channels of the ratio of two variances (C,), the larger by the smaller."""
    a, b = one.double().cpu() + eps, other.double().cpu() + eps
    return float((torch.maximum(a, b) / torch.minimum(a, b)).mean())


def variances(subject: Subject, names: Sequence[str], split: str, *, masks: bool) -> dict[str, Tensor]:
    """float64 (C,): the variance of what arrives at each module over a split's images and places, norms in eval."""
    network = with_inference(subject.network, masks)
    sums: dict[str, Tensor] = {}

    def arrives(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            values = arguments[0].double().transpose(0, 1).flatten(1)
            count = torch.full_like(values[:, 0], values.shape[1])
            each = torch.stack([count, values.sum(1), values.square().sum(1)])
            sums[name] = each + sums[name] if name in sums else each

        return hook

    for name in names:
        network.get_submodule(name).register_forward_pre_hook(arrives(name))
    subject.predict(getattr(subject.splits, split), network=network)
    return {name: (second / n - (first / n).square()).clamp(min=0) for name, (n, first, second) in sums.items()}
