"""What a network, a norm, an activation, a start of the weights and a schedule are, by asking them."""

from typing import Any

import torch
from torch import Tensor, nn

from dropgrid.initializers.critical import critical_point
from dropgrid.initializers.kaiming import gain
from dropgrid.initializers.layers import weights
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.sites import PLACES
from manual.acting import initialised, loaded, network
from manual.nets import asked
from manual.options import Option

EPOCHS, STEPS = 10, 24


def rows(header: list[str], found: list[list[str]]) -> str:
    """A table of Markdown, all but its first column to the right."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *found]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def of_model(option: Option) -> str:
    """Its sites by place."""
    _, sites = asked(option)
    places = {place: sum(site.place == place for site in sites) for place in PLACES}
    told = ", ".join(f"{count} `{place}`" for place, count in places.items() if count)
    groups = sites[0].groups
    return f"Sites that `model={option.chosen}` offers the regularizers: {told}; its groups are {groups}."


def depends(norm: nn.Module) -> bool:
    """Whether an example's output changes with the others of its batch."""
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(4, 16, 3, 3, generator=generator)
    other = torch.cat([batch[:1], torch.randn(3, 16, 3, 3, generator=generator) + 1])
    with torch.no_grad():
        return not torch.allclose(norm(batch)[0], norm(other)[0], atol=1e-5)


def of_norm(option: Option) -> str:
    """What it adds to a network, which layers take it, and whether examples share statistics."""
    built = option.built()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer, norm = built(lambda bias: Conv2d(16, 16, 3, bias=bias), 16)
    nets = [network("ResNet-20", [], norm=each) for each in (built, loaded("norm", "none"))]
    counts = [sum(parameter.numel() for parameter in net.parameters()) for net in nets]
    bias = "have no bias" if layer.bias is None else "have a bias"
    lines = [
        f"A ResNet-20 has {counts[0]:,} parameters with it, and {counts[1]:,} without a norm; the layers that it is "
        f"put on {bias}."
    ]
    if isinstance(norm, nn.Identity):
        lines.append("It leaves what a layer gives as it is, and changes its weights.")
    else:
        here = [depends(norm.train(mode)) for mode in (True, False)]
        when = {(True, False): "in training, not in inference", (False, False): "neither in training nor in inference"}
        lines.append(f"The others of its batch have a say in an example's output {when[here[0], here[1]]}.")
    try:
        built(lambda bias: Linear(16, 16, bias=bias), 16)
        lines.append("After a hidden linear layer it acts too.")
    except ValueError as refused:
        lines.append(f"A hidden linear layer is refused: {str(refused).partition(';')[0]}.")
    return " ".join(lines)


def slopes(built: Any, at: Tensor) -> tuple[Tensor, Tensor]:
    """Values and derivatives of an activation."""
    with torch.enable_grad():
        input = at.clone().requires_grad_()
        output = built()(input)
        (slope,) = torch.autograd.grad(output.sum(), input)
    return output.detach(), slope


def of_activation(option: Option) -> str:
    """Its range, its slope, what the initializers make of it."""
    built = option.built()
    values, steep = slopes(built, torch.linspace(-20, 20, 4001))
    learned = sum(parameter.numel() for parameter in built().parameters())
    point = critical_point(built, 0.0)
    low = "-∞" if steep[0] > 0.005 else f"{float(values.min()):.2g}"
    high = "∞" if steep[-1] > 0.01 else f"{float(values.max()):.2g}"
    critical = f"is critical at σ_w = {point.sigma_w:.3g}" if point else "has no critical point without biases"
    return (
        f"Its values go from {low} to {high}, its slope from {float(steep.min()):.2g} to {float(steep.max()):.3g}. "
        f"`init=kaiming` gives it the gain 1/√E[φ(z)²] = {gain(built):.3g}; it {critical} (`init=critical`). "
        f"It learns {f'{learned} parameter at each place' if learned else 'nothing'}."
    )


def of_init(option: Option) -> str:
    """What a ResNet-20's weights are after it."""
    if option.node.get("path", "") is None:
        return "Which weights it sets is the file's to say, and `init.skip`'s."
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = network("ResNet-20", [], "cpu")
        batch = torch.randn(16, 3, 32, 32)
    names = ["conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "layer3.2.conv2", "fc"]
    initialised(net, option.built(), batch=batch)
    found = []
    for weight in weights(net):
        if weight.name.removesuffix(".weight") in names:
            values = weight.tensor
            rms, none = float(values.square().mean().sqrt()), float((values == 0).double().mean())
            shape = "×".join(map(str, values.shape))
            fans = str(weight.fan_in), str(weight.fan_out)
            found.append([f"`{weight.name}`", shape, *fans, f"{rms:.2g}", f"{none:.0%}"])
    header = ["weight", "shape", "fan_in", "fan_out", "rms", "of them 0"]
    return f"Some weights of a ResNet-20 with ReLU after it:\n\n{rows(header, found)}"


def of_lr_schedule(option: Option) -> str:
    """The factor at a few steps of a run."""
    built, steps = option.built(), EPOCHS * STEPS
    factors = [built(step, steps) for step in range(steps)]
    shown = [0, steps // 4, steps // 2, 3 * steps // 4, steps - 1]
    reads = getattr(option.target, "reads_validation", False)
    found = rows(
        ["step", *(str(each + 1) for each in shown)], [["factor", *(f"{factors[each]:.2g}" for each in shown)]]
    )
    told = (
        "while validation has shown nothing; it reads what it shows of the epochs that are over"
        if reads
        else f"; its mean over training is {sum(factors) / steps:.2g}"
    )
    return f"In a run of {steps} steps{told if told[0] == ';' else f', {told}'}:\n\n{found}"
