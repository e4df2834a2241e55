"""Hidden units: how they vary together, how seldom they are on, and what the first layer looks for."""

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
from dropgrid.measure.subject import DoesNotApply, Found, Measure, Subject
from dropgrid.measure.trace import IMAGES, Call, calls
from dropgrid.sites import with_inference

LAYERS = ("first", "last")
BINS = 60
"""Of the histogram of activations."""

AT_ONCE = 4096
"""Examples that are in float64 at one time."""


def coadaptation(subject: Subject, *, layer: str, threshold: float, examples: int, filters: int, seed: int) -> Found:
    """Correlation, sparsity and effective rank of the hidden units of one activation layer, on the test images.

    A unit is an output of a fully connected layer or a channel of a map, after its activation, in eval mode without
    masks; an example is a test image, of a map an image and a place. Over the units that vary, with C their correlation
    matrix (k, k): correlation is the mean of |Cᵢⱼ| over pairs i < j, effective rank exp(-Σ p log p) with p = λ / k for
    the eigenvalues λ of C: 1 where all units are one, k where none is correlated. Sparsity is the share of (unit,
    example) pairs with |a| ≤ threshold · the unit's largest |a|: 0 counts exact zeros; `constant` the share of units
    that never vary; `activation` the mean over all pairs. Chance alone makes |r| about 0.8 / √examples.

    Args:
        layer: `first` or `last` activation in the order of a forward pass.
        threshold: in [0, 1).
        examples: at most this many: evenly spaced images, and of each as many places as fit.
        filters: number of units, evenly spaced, whose weights in the first layer are kept.
        seed: of the places, the same for all cells.

    Arrays: `means` (units,), the mean activation of each; `counts` (bins,) of activations between `edges` (bins + 1,);
    `filters` (n, C, h, w), the first layer's kernels, or its weights on the image where it is fully connected, absent
    where it sees no image; `learned`, the same less the initial weights, which a short training leaves in sight.

    Raises:
        DoesNotApply: no layer of the network is the config's activation, or that layer has several outputs an image.
        ValueError: an argument outside these.

    Source: Srivastava et al., JMLR 2014, §7.1 (features, Fig. 7) and §7.2 (sparsity, Fig. 8); effective rank: Roy and
    Vetterli, EUSIPCO 2007. Differs from the paper: its claims on co-adaptation are read off figures; the correlations
    are ours.
    """
    checks.one_of("layer", layer, LAYERS)
    checks.number("threshold", threshold, least=0, below=1)
    for key, number in (("examples", examples), ("filters", filters)):
        checks.whole_number(key, number, 2)
    checks.whole_number("seed", seed)
    reached = calls(subject.network, (subject.spec.channels, *subject.spec.size))
    units = activations(subject, activation_layer(subject, reached, layer), examples, seed)
    where, size = f"{layer} hidden layer", units.abs().amax(0)
    sparse = (units.abs() <= threshold * size).double().mean()
    bound = "that are 0" if threshold == 0 else f"within {100 * threshold:g} % of the unit's largest"
    together = correlations(units)
    found = {}
    if len(together) > 1:
        found["correlation"] = Measure(mean_correlation(together), f"Mean |correlation| of units, {where}", "")
        found["effective_rank"] = Measure(effective_rank(together), f"Effective rank, {where}", "")
    found["sparsity"] = Measure(float(sparse), f"Activations {bound}, {where}")
    found["activation"] = Measure(float(units.double().mean()), f"Mean activation, {where}", "")
    found["constant"] = Measure(1 - len(together) / units.shape[1], f"Units that never vary, {where}")
    counts, edges = np.histogram(units.numpy(), BINS, (min(0.0, float(units.min())), float(units.max())))
    arrays = {"means": units.double().mean(0).numpy(), "counts": counts, "edges": edges}
    seen = first_filters(subject, reached, filters)
    if seen is not None:
        before = first_filters(replace(subject, network=subject.initial()), reached, filters)
        arrays |= {"filters": seen} if before is None else {"filters": seen, "learned": seen - before}
    return Found(found, arrays)


def activation_layer(subject: Subject, reached: list[Call], layer: str) -> Call:
    """The first or last call of a module of the type that the config's activation makes."""
    kind = type(call("activation", instantiate("activation", subject.config["activation"])))
    found = [each for each in reached if type(each.module) is kind]
    if not found:
        raise DoesNotApply(f"no layer of this network is its activation {kind.__name__}")
    chosen = found[0 if layer == "first" else -1]
    if sum(each.name == chosen.name for each in found) > 1 or len(chosen.output) != IMAGES:
        raise DoesNotApply(f"{chosen.name} has more than one output an image")
    return chosen


def activations(subject: Subject, chosen: Call, examples: int, seed: int) -> Tensor:
    """float32 (examples, units) on the CPU of what leaves a layer, without masks."""
    test = evenly(subject.splits.test, examples)
    cells = math.prod(chosen.output.shape[2:])
    at = places(len(test), cells, max(1, min(cells, examples // len(test))), seed)
    found: list[Tensor] = []

    def leaves(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        begin = sum(len(each) for each in found) // at.shape[1]
        flat = output.reshape(*output.shape[:2], cells)
        here = at[begin : begin + len(flat), None].to(flat.device).expand(-1, flat.shape[1], -1)
        found.append(flat.gather(2, here).transpose(1, 2).flatten(0, 1).float().cpu())

    network = with_inference(subject.network, False)
    network.get_submodule(chosen.name).register_forward_hook(leaves)
    subject.predict(test, network=network)
    return torch.cat(found)


def places(images: int, cells: int, count: int, seed: int) -> Tensor:
    """int64 (images, count): cells of each image's map, drawn with replacement; all of them where that is asked."""
    if count == cells:
        return torch.arange(cells).expand(images, cells)
    return torch.randint(cells, (images, count), generator=streams.generator(seed, "coadaptation"))


def correlations(units: Tensor) -> Tensor:
    """Pearson's r, float64 (k, k), of the k columns of (examples, units) that vary."""
    live = units[:, units.amax(0) > units.amin(0)]
    mean = live.double().mean(0)
    products = torch.zeros(2 * (live.shape[1],), dtype=torch.float64)
    for part in live.split(AT_ONCE):
        centred = part.double() - mean
        products += centred.T @ centred
    scale = products.diagonal().sqrt()
    return products / scale / scale[:, None]


def mean_correlation(matrix: Tensor) -> float:
    """The mean of |r| over pairs of different units of (k, k)."""
    count = len(matrix)
    return float(matrix.abs().fill_diagonal_(0).sum() / (count * (count - 1)))


def effective_rank(matrix: Tensor) -> float:
    """exp of the entropy of the eigenvalues of a symmetric (k, k), as shares of their sum."""
    values = torch.linalg.eigvalsh(matrix).clamp(min=0)
    return float(torch.special.entr(values / values.sum()).sum().exp())


def first_filters(subject: Subject, reached: list[Call], count: int) -> np.ndarray | None:
    """The weights (n, C, h, w) of evenly spaced units of the first layer, as it computes with them; None where it is
    no convolution over the image and no fully connected layer of all of it.
    """
    first = next((each for each in reached if isinstance(each.module, KINDS)), None)
    if first is None:
        return None
    weight = weight_of(subject.network.get_submodule(first.name)).float()
    image = (subject.spec.channels, *subject.spec.size)
    if weight.ndim == 2 and weight.shape[1] == math.prod(image):
        weight = weight.view(-1, *image)
    if weight.ndim != 4:
        return None
    count = min(count, len(weight))
    return weight[torch.arange(count) * len(weight) // count].numpy()
