import itertools

import pytest
import torch
from torch import nn

from dropgrid.initializers.fixup import fixup
from dropgrid.initializers.kaiming import kaiming

ARGUMENTS = {"mode": "fan_out", "distribution": "normal"}


def initialised(model, init, generator, **changes):
    init(model, generator=generator, activation=nn.ReLU, **ARGUMENTS | changes)
    return model


@pytest.mark.parametrize(("name", "blocks", "exponent"), [("resnet20", 9, -1 / 2), ("resnet50", 16, -1 / 4)])
def test_branches_are_kaimings_scaled_and_end_in_0(build, generator, name, blocks, exponent):
    """L^(-1/(2m-2)): m = 2 in basic blocks, 3 in bottlenecks."""
    ours, plain = (dict(initialised(build(name), init, generator).named_parameters()) for init in (fixup, kaiming))
    last = {"resnet20": "conv2.weight", "resnet50": "conv3.weight"}[name]
    scaled = 0
    for key, weight in plain.items():
        if not key.endswith("weight"):
            assert not ours[key].any()
        elif key == "fc.weight" or (key.startswith("layer") and key.endswith(last)):
            assert not ours[key].any() and weight.any()
        elif key.startswith("layer") and "downsample" not in key:
            scaled += 1
            assert torch.allclose(ours[key], weight * blocks**exponent, rtol=1e-5)
        else:
            assert torch.equal(ours[key], weight)
    assert scaled == blocks * (1 if name == "resnet20" else 2)


def variances(model, x):
    """Of the output of each group."""
    found = []
    for group in (model.layer1, model.layer2, model.layer3):
        group.register_forward_hook(lambda _, __, output: found.append(output.var().item()))
    with torch.no_grad():
        model(x)
    return found


def test_a_resnet_56_without_norm_has_the_order_of_a_normalized_ones_variance(build, generator):
    """Kaiming's doubles with each of its 27 blocks; Fixup's is the stem's, shared out where channels are padded."""
    x = torch.randn(8, 3, 16, 16)
    ours = variances(initialised(build("resnet56"), fixup, generator, mode="fan_in"), x)
    shallow = variances(initialised(build("resnet20"), fixup, generator, mode="fan_in"), x)
    normalized = variances(initialised(build("resnet56", norm="batch"), kaiming, generator), x)
    grown = variances(initialised(build("resnet56"), kaiming, generator, mode="fan_in"), x)
    assert ours == pytest.approx(shallow)
    assert all(0.02 < one / other < 2 for one, other in zip(ours, normalized, strict=True))
    assert all(0.1 < group[2] / group[0] < 4 for group in (ours, normalized))
    assert grown[2] / grown[0] > 1e4


@pytest.mark.parametrize("depths", [[3, 3, 3], [18, 18, 18]])
def test_a_step_changes_the_output_by_as_much_whatever_the_depth(build, generator, depths):
    """§3: by Θ(η). After the classifier has left 0, steps of SGD on nets of 20 and 110 layers."""
    model = initialised(build("resnet20", depths=depths), fixup, generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, targets = torch.randn(16, 3, 12, 12), torch.arange(16) % 10
    logits = []
    for _ in range(6):
        output = model(x)
        logits.append(output.detach())
        optimizer.zero_grad()
        nn.functional.cross_entropy(output, targets).backward()
        optimizer.step()
    changes = [(b - a).square().mean().sqrt().item() for a, b in itertools.pairwise(logits)]
    assert all(1e-4 < change < 0.3 for change in changes)


def test_a_branch_of_one_layer_is_0_and_names_may_be_dotted(generator):
    class Block(nn.Module):
        branch_layers = ("inner.0",)

        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 4))

    model = nn.Sequential(nn.Linear(4, 4), Block(), nn.Linear(4, 2))
    initialised(model, fixup, generator)
    assert not model[1].inner[0].weight.any() and model[0].weight.any()


def test_a_model_without_branches_is_an_error(build, generator):
    for model in (build("mlp"), build("resnet20", residual=False)):
        with pytest.raises(ValueError, match="init=fixup needs residual branches to scale; this model has none"):
            initialised(model, fixup, generator)


def test_a_weight_normalised_layer_is_named(build, generator):
    with pytest.raises(ValueError, match="layer1.0.conv2.weight starts at 0 here, which weight normalization"):
        initialised(build("resnet20", norm="weight"), fixup, generator)
