import pytest
import torch
from torch import nn

from dropgrid.models.fractal import Fractal
from dropgrid.models.parts import Parts
from dropgrid.norms.none import none


def fractal(columns, sites=()):
    return Fractal(Parts(none, nn.Tanh, sites, 1, 1), "layer1", 3, 4, columns, 1)


def recursive(net, x, columns, first=0):
    """f_1(x) = layer(x), f_{c+1}(x) = mean(layer(x), f_c(f_c(x))); `first` counts layers of the deepest column."""
    outputs = expanded(net, x, columns, first)
    return torch.stack(outputs).mean(0)


def expanded(net, x, columns, first):
    """What meets at the end of a fractal of so many columns that begins after `first` layers of the deepest."""
    total = net.columns
    length = 2 ** (columns - 1)
    column = total - columns
    own = getattr(net, f"column{column}_{first // length}")(x)
    if columns == 1:
        return [own]
    half = recursive(net, x, columns - 1, first)
    return [own, *expanded(net, half, columns - 1, first + length // 2)]


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_it_is_the_recursion_of_the_paper(columns):
    torch.manual_seed(0)
    net, x = fractal(columns), torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        assert torch.allclose(net(x), recursive(net, x, columns), atol=1e-6)


def test_layers_double_and_joins_stand_where_columns_meet():
    found = []
    net = fractal(3, [lambda site: found.append(site) or nn.Identity()])
    assert sum(name.startswith("column") for name, _ in net.named_children()) == 1 + 2 + 4
    joins = {site.name: (site.paths, site.columns) for site in found if site.place == "join"}
    assert joins == {"layer1.join2": (2, 3), "layer1.join4": (3, 3)}


def test_with_one_column_kept_the_net_is_that_column(build):
    """Global drop-path: the output of an example is that of its column alone, a chain of layers."""
    from dropgrid.regularizers.drop_path import drop_path

    given = {"keep_prob": 0.5, "depth": "constant", "mode": "global", "groups": None, "schedule": "constant"}
    net = fractal(3, [lambda site: drop_path(site, **given, inference=False)])
    x = torch.randn(40, 3, 5, 5)
    for module in net.modules():
        if hasattr(module, "advance"):
            module.advance(0.5, 3)
    with torch.no_grad():
        out = net(x)
        chains = []
        for column in range(3):
            y = x
            for number in range(2**column):
                y = getattr(net, f"column{column}_{number}")(y)
            chains.append(y)
        distances = torch.stack([(out - chain).flatten(1).abs().amax(1) for chain in chains])
    assert (distances.amin(0) < 1e-6).all() and len(distances.argmin(0).unique()) == 3


def test_parameters_by_formula(build, millions):
    """Σ over blocks 9 · width · (C · inputs + (2^C - 1 - C) · width), norms of 2 · width a layer, the classifier."""
    widths, columns, inputs, wanted = [16, 32, 64], 3, 3, 64 * 10 + 10
    for width in widths:
        wanted += 9 * width * (columns * inputs + (2**columns - 1 - columns) * width) + (2**columns - 1) * 2 * width
        inputs = width
    assert millions("fractal") == pytest.approx(wanted / 1e6)


def test_too_many_blocks_for_the_image(build):
    with pytest.raises(ValueError, match="too many for 2×2"):
        build("fractal", shape=(3, 2, 2))
