"""Hidden units: their correlation and sparsity, and the filters of the first layer."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks, streams
from dropgrid.data.split import evenly
from dropgrid.initializers.layers import KINDS
from dropgrid.instantiate import call, instantiate
from dropgrid.measure.evaluations.weights import weight_of
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, TrainedCell
from dropgrid.models.trace import IMAGES, Call, trace_calls
from dropgrid.sites import with_inference

LAYERS = ("first", "last")
BINS = 60
"""Bins of the histogram of activations."""

AT_ONCE = 4096
"""Examples converted to float64 at a time."""


def coadaptation(
    cell: TrainedCell, *, layer: str, threshold: float, examples: int, filters: int, seed: int
) -> MeasureResult:
    """Correlation, sparsity and effective rank of the hidden units of one activation layer, on the test images.

    A unit is an output of a fully connected layer, or a channel of a map, after its activation, in eval mode without
    masks. An example is a test image, or for a map an image and a place. With C the correlation matrix (k, k) of the
    units that vary, correlation is the mean of |Cᵢⱼ| over pairs i < j, and effective rank is exp(-Σ p log p) with
    p = λ / k for the eigenvalues λ of C: 1 if all units are equal, k if none are correlated. Sparsity is the share of
    (unit, example) pairs with |a| ≤ threshold · the unit's largest |a|; threshold 0 counts exact zeros. `constant` is
    the share of units that never vary, `activation` the mean over all pairs. Chance alone gives |r| ≈ 0.8 / √examples.

    Args:
        layer: the `first` or `last` activation in the order of a forward pass.
        threshold: a number in [0, 1).
        examples: the most examples: evenly spaced images, and of each as many places as fit.
        filters: number of evenly spaced units whose weights in the first layer are saved.
        seed: the seed of the places, the same for all cells.

    Arrays: `means` (units,), the mean activation of each; `counts` (bins,) of activations between `edges` (bins + 1,);
    `filters` (n, C, h, w), the first layer's kernels, or its weights on the image if it is fully connected, absent if
    its input is no image; `learned`, `filters` less the initial weights, which dominate after a short training.

    Raises:
        DoesNotApply: no layer of the network is the config's activation, or it has several outputs per image.
        ValueError: an argument is out of its range.

    Source: Srivastava et al., JMLR 2014, §7.1 (features, Fig. 7) and §7.2 (sparsity, Fig. 8); effective rank: Roy and
    Vetterli, EUSIPCO 2007. Differs from the paper: it shows co-adaptation in figures only; the correlations are ours.
    """
    checks.one_of("layer", layer, LAYERS)
    checks.number("threshold", threshold, least=0, below=1)
    for key, number in (("examples", examples), ("filters", filters)):
        checks.whole_number(key, number, 2)
    checks.whole_number("seed", seed)
    reached = trace_calls(cell.network, (cell.spec.channels, *cell.spec.size))
    units = collect_activations(cell, activation_layer(cell, reached, layer), examples, seed)
    where, size = f"{layer} hidden layer", units.abs().amax(0)
    sparse = (units.abs() <= threshold * size).double().mean()
    bound = "that are 0" if threshold == 0 else f"within {100 * threshold:g} % of the unit's largest"
    together = unit_correlations(units)
    found = {}
    if len(together) > 1:
        found["correlation"] = Measure(mean_correlation(together), f"Mean |correlation| of units, {where}", "")
        found["effective_rank"] = Measure(effective_rank(together), f"Effective rank, {where}", "")
    found["sparsity"] = Measure(float(sparse), f"Activations {bound}, {where}")
    found["activation"] = Measure(float(units.double().mean()), f"Mean activation, {where}", "")
    found["constant"] = Measure(1 - len(together) / units.shape[1], f"Units that never vary, {where}")
    counts, edges = np.histogram(units.numpy(), BINS, (min(0.0, float(units.min())), float(units.max())))
    arrays = {"means": units.double().mean(0).numpy(), "counts": counts, "edges": edges}
    seen = first_filters(cell, reached, filters)
    if seen is not None:
        before = first_filters(replace(cell, network=cell.initial()), reached, filters)
        arrays |= {"filters": seen} if before is None else {"filters": seen, "learned": seen - before}
    return MeasureResult(found, arrays)


def activation_layer(cell: TrainedCell, reached: list[Call], layer: str) -> Call:
    """Return the first or last call of a module of the type of the config's activation."""
    kind = type(call("activation", instantiate("activation", cell.config["activation"])))
    found = [each for each in reached if type(each.module) is kind]
    if not found:
        raise DoesNotApply(f"no layer of this network is its activation {kind.__name__}")
    chosen = found[0 if layer == "first" else -1]
    if sum(each.name == chosen.name for each in found) > 1 or len(chosen.output) != IMAGES:
        raise DoesNotApply(f"{chosen.name} has more than one output an image")
    return chosen


def collect_activations(cell: TrainedCell, chosen: Call, examples: int, seed: int) -> Tensor:
    """Return a layer's outputs without masks, float32 (examples, units) on the CPU."""
    test = evenly(cell.splits.test, examples)
    cells = math.prod(chosen.output.shape[2:])
    at = sample_places(len(test), cells, max(1, min(cells, examples // len(test))), seed)
    found: list[Tensor] = []

    def leaves(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        begin = sum(len(each) for each in found) // at.shape[1]
        flat = output.reshape(*output.shape[:2], cells)
        here = at[begin : begin + len(flat), None].to(flat.device).expand(-1, flat.shape[1], -1)
        found.append(flat.gather(2, here).transpose(1, 2).flatten(0, 1).float().cpu())

    network = with_inference(cell.network, False)
    network.get_submodule(chosen.name).register_forward_hook(leaves)
    cell.predict(test, network=network)
    return torch.cat(found)


def sample_places(images: int, cells: int, count: int, seed: int) -> Tensor:
    """Return cells of each image's map, int64 (images, count): all if `count` is all, else drawn with replacement."""
    if count == cells:
        return torch.arange(cells).expand(images, cells)
    return torch.randint(cells, (images, count), generator=streams.generator(seed, "coadaptation"))


def unit_correlations(units: Tensor) -> Tensor:
    """Return Pearson's r, float64 (k, k), of the k columns of (examples, units) that vary."""
    live = units[:, units.amax(0) > units.amin(0)]
    mean = live.double().mean(0)
    products = torch.zeros(2 * (live.shape[1],), dtype=torch.float64)
    for part in live.split(AT_ONCE):
        centred = part.double() - mean
        products += centred.T @ centred
    scale = products.diagonal().sqrt()
    return products / scale / scale[:, None]


def mean_correlation(matrix: Tensor) -> float:
    """Return the mean of |r| over pairs of different units of (k, k)."""
    count = len(matrix)
    return float(matrix.abs().fill_diagonal_(0).sum() / (count * (count - 1)))


def effective_rank(matrix: Tensor) -> float:
    """Return exp of the entropy of the eigenvalues of a symmetric (k, k), as shares of their sum."""
    values = torch.linalg.eigvalsh(matrix).clamp(min=0)
    return float(torch.special.entr(values / values.sum()).sum().exp())


def first_filters(cell: TrainedCell, reached: list[Call], count: int) -> np.ndarray | None:
    """Return the effective weights (n, C, h, w) of evenly spaced units of the first layer; None if it is neither a
    convolution of the image nor a fully connected layer on all of it.
    """
    first = next((each for each in reached if isinstance(each.module, KINDS)), None)
    if first is None:
        return None
    weight = weight_of(cell.network.get_submodule(first.name)).float()
    image = (cell.spec.channels, *cell.spec.size)
    if weight.ndim == 2 and weight.shape[1] == math.prod(image):
        weight = weight.view(-1, *image)
    if weight.ndim != 4:
        return None
    count = min(count, len(weight))
    return weight[torch.arange(count) * len(weight) // count].numpy()
