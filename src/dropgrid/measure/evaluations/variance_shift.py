"""Variance shift: the variance that batch norm expects against the one that it gets once nothing is dropped."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.trained_cell import SPLITS, DoesNotApply, Measure, MeasureResult, TrainedCell
from dropgrid.models.trace import trace_calls
from dropgrid.sites import inference_drops, with_inference


def variance_shift(cell: TrainedCell, *, split: str) -> MeasureResult:
    """The ratio of each batch norm's input variance to that in inference: with masks on, and as stored in training.

    shift(a, b) = mean over channels of max(a + ε, b + ε) / min(a + ε, b + ε), 1 if they are equal; ε is the norm's, so
    the ratio is of the squares that it divides by. b is the variance of the layer's input over all images and places,
    without masks. For `masks`, a is the variance with the cell's regularizers dropping at full rate, norms in eval
    mode: the shift caused by them. For `stored`, a is the moving variance from training: the shift met in inference.
    The latter includes the effects of augmentation, of the last steps of training and of the split; a cell without
    regularizer shows how large they are.

    Args:
        split: the images, of `train` (not augmented) or `test`.

    Arrays: `layers` (L,) by name in the order of a forward pass; `masks` (L,), if something drops; `stored` (L,), if
    every norm keeps a moving variance.

    Raises:
        DoesNotApply: the network has no batch norm, or nothing drops and no moving variance is kept.
        ValueError: split is another name.

    Source: Li, Chen, Hu, Yang, CVPR 2019, Fig. 4: its shift ratio is `stored`. Differs from the paper: ε; `masks`.
    """
    checks.one_of("split", split, SPLITS)
    reached = trace_calls(cell.network, (cell.spec.channels, *cell.spec.size))
    norms = {each.name: each.module for each in reached if isinstance(each.module, nn.modules.batchnorm._BatchNorm)}
    if not norms:
        raise DoesNotApply("no batch norm in this network")
    kept = {name: norm.running_var for name, norm in norms.items() if norm.running_var is not None}
    plain = input_variances(cell, [*norms], split, masks=False)
    found: dict[str, Measure] = {}
    arrays = {"layers": np.array([*norms])}

    def compare(kind: str, others: dict[str, Tensor], label: str) -> None:
        arrays[kind] = np.array([variance_ratio(others[name], plain[name], norm.eps) for name, norm in norms.items()])
        found[kind] = Measure(float(arrays[kind].mean()), label, "")
        found[f"{kind}_max"] = Measure(float(arrays[kind].max()), f"{label}, worst layer", "")

    if inference_drops(cell.network):
        compare("masks", input_variances(cell, [*norms], split, masks=True), "Variance shift, masks on against off")
    if len(kept) == len(norms):
        compare("stored", kept, "Variance shift, moving variance against inference")
    if not found:
        raise DoesNotApply("nothing drops in this network, and its batch norm keeps no moving variance")
    return MeasureResult(found, arrays)


def variance_ratio(one: Tensor, other: Tensor, eps: float) -> float:
    """Return the mean over channels of the ratio of two variances (C,), the larger by the smaller."""
    a, b = one.double().cpu() + eps, other.double().cpu() + eps
    return float((torch.maximum(a, b) / torch.minimum(a, b)).mean())


def input_variances(cell: TrainedCell, names: Sequence[str], split: str, *, masks: bool) -> dict[str, Tensor]:
    """Return the variance of each module's input over a split's images and places, float64 (C,); norms in eval mode."""
    network = with_inference(cell.network, masks)
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
    cell.predict(getattr(cell.splits, split), network=network)
    return {name: (second / n - (first / n).square()).clamp(min=0) for name, (n, first, second) in sums.items()}
