from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.initializers.critical import critical
from dropgrid.initializers.delta_orthogonal import delta_orthogonal


def initialised(model, generator, activation=nn.Tanh, **changes):
    delta_orthogonal(
        model, generator=generator, activation=activation, **{"gain": "critical", "strict": True} | changes
    )
    return model


def head(*layers):
    """The last linear layer is the classifier, whose gain is 1."""
    return nn.Sequential(*layers, nn.Linear(4, 2))


@pytest.mark.parametrize("gain", [1, 1.7])
@pytest.mark.parametrize("mode", ["circular", "zeros"])
@pytest.mark.parametrize(("inputs", "outputs", "kernel", "groups"), [(6, 6, 3, 1), (6, 20, 5, 1), (8, 16, 3, 4)])
def test_it_keeps_the_norm_of_every_image(generator, inputs, outputs, kernel, groups, mode, gain):
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode=mode, groups=groups)
    initialised(head(conv), generator, gain=gain)
    with torch.no_grad():
        for x in (torch.randn(5, inputs, 9, 7), torch.eye(63).view(63, 1, 9, 7).repeat(1, inputs, 1, 1)):
            ratio = conv(x).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
            assert torch.allclose(ratio, torch.full_like(ratio, gain), rtol=1e-5)


def test_a_gaussian_convolution_keeps_norms_on_average_alone(generator):
    conv = nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular", bias=False)
    nn.init.normal_(conv.weight, std=54**-0.5, generator=generator("x"))
    x = torch.eye(49).view(49, 1, 7, 7).repeat(1, 6, 1, 1)
    assert (conv(x).flatten(1).norm(dim=1) / 6**0.5 - 1).abs().max() > 0.05


def test_real_layers_are_0_but_for_an_orthogonal_centre(real_layers):
    init = partial(delta_orthogonal, gain="activation", strict=False)
    for layer, _, _, classifier in real_layers(init):
        weight = layer.weight.detach().flatten(2) if layer.weight.dim() == 4 else layer.weight.detach()[..., None]
        centre = weight.shape[2] // 2
        matrix = weight[..., centre]
        assert weight.count_nonzero() == matrix.count_nonzero()
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        assert torch.allclose(product, (1.0 if classifier else 2.0) * torch.eye(len(product)), atol=2e-5)
        total = (1.0 if classifier else 2.0) * min(matrix.shape)
        assert layer.weight.square().sum().item() == pytest.approx(total, rel=1e-4)


def test_more_inputs_than_outputs_keep_a_channels_mean_square(generator):
    conv = nn.Conv2d(64, 8, 3, padding=1, bias=False)
    initialised(head(conv), generator, strict=False)
    output = conv(torch.randn(50, 64, 8, 8))
    assert output.square().mean().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(("activation", "gain"), [(nn.ReLU, 2**0.5), (nn.Tanh, 1.0)])
def test_the_critical_gain_is_the_activations(generator, activation, gain):
    model = initialised(head(nn.Conv2d(4, 4, 3)), generator, activation)
    assert torch.linalg.svdvals(model[0].weight[:, :, 1, 1]).mean().item() == pytest.approx(gain, rel=1e-5)
    assert torch.linalg.svdvals(model[1].weight).mean().item() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("layer", "strict", "message"),
    [
        (nn.Conv2d(8, 4, 3), True, "0 has more inputs than outputs, 8 > 4; use init.strict=false"),
        (nn.Conv2d(8, 8, 3, groups=2), True, None),
        (nn.Conv2d(8, 12, 3, groups=2), True, None),
        (nn.Conv2d(8, 8, 3, stride=2), True, r"0 has stride \(2, 2\) and keeps no norms; use init.strict=false"),
        (nn.Conv2d(8, 8, 2), True, r"0 has an even kernel \(2, 2\), which has no centre; use init=orthogonal"),
        (nn.Conv2d(8, 8, (1, 2)), False, r"0 has an even kernel \(1, 2\)"),
        (nn.Conv2d(8, 4, 3, stride=2), False, None),
    ],
)
def test_what_cannot_be_an_isometry_is_named(generator, layer, strict, message):
    if message is None:
        initialised(head(layer), generator, strict=strict)
    else:
        with pytest.raises(ValueError, match=f"init=delta_orthogonal: {message}"):
            initialised(head(layer), generator, strict=strict)


def spread(model, x):
    """σ_max / σ_median of the input-output Jacobian."""

    def forward(x):
        for layer in model[:-1]:
            x = layer(x).tanh()
        return x.flatten()

    singular = torch.linalg.svdvals(torch.func.jacrev(forward)(x).flatten(1))
    return (singular.max() / singular.median()).item()


def test_it_keeps_the_singular_values_of_a_deep_tanh_net_together(generator):
    """At σ_w = 1 the Gaussian's spread with depth; this is what makes the paper's 10,000 layers trainable."""
    model = head(*(nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular") for _ in range(100)))
    x = 0.3 * torch.randn(1, 6, 4, 4)
    initialised(model, generator)
    with torch.no_grad():
        ours = spread(model, x)
        critical(model, generator=generator, activation=nn.Tanh, sigma_b=0.0)
        assert ours < 3 < 1000 < spread(model, x)


def test_strict_must_be_true_or_false(generator):
    with pytest.raises(ValueError, match="init.strict must be true or false, got 1"):
        initialised(head(), generator, strict=1)
