"""Spectral normalization (Miyato, Kataoka, Koyama, Yoshida, ICLR 2018)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.parametrize import register_parametrization

from dropgrid import checks


class SpectralNorm(nn.Module):
    """W -> W / σ, σ = uᵀ W v near W's largest singular value, W as a matrix (out, in · kernel cells).

    v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, `iterations` times at each use, from the u of the last training step; the gradient
    takes u and v as constants. σ ≤ the largest singular value, and nears it over the steps of training. In eval the
    iterations start at the stored u too, and theirs is not stored. A W of zeros gives nan.

    Args:
        weight: of the layer.
        iterations: of the power method.
    """

    u: Tensor

    def __init__(self, weight: Tensor, iterations: int):
        super().__init__()
        self.iterations = iterations
        start = torch.randn(len(weight), generator=torch.Generator("cpu").manual_seed(0), device="cpu")
        self.register_buffer("u", weight.new_empty(len(weight)).copy_(normalize(start, dim=0)))

    def forward(self, weight: Tensor) -> Tensor:
        matrix = weight.flatten(1)
        with torch.no_grad():
            u = self.u
            for _ in range(self.iterations):
                v = normalize(matrix.mT @ u, dim=0)
                u = normalize(matrix @ v, dim=0)
            if self.training:
                self.u.copy_(u)
        return weight / torch.dot(u, matrix @ v)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the parameter that `layer.weight = weight` sets."""
        return weight

    def extra_repr(self) -> str:
        return f"iterations={self.iterations}"


def spectral(layer: Callable[..., nn.Module], features: int, *, power_iterations: int) -> tuple[nn.Module, nn.Module]:
    """The layer's weight divided by its largest singular value; nothing after the layer, which has a bias.

    A convolution's is that of its weight as a matrix, not of the map from image to image, which can be larger by up to
    the root of the kernel's cells.

    Args:
        power_iterations: of the estimate, at each forward pass; the paper's 1.

    Raises:
        ValueError: power_iterations no whole number above 0.

    Differs from torch's `spectral_norm`, which starts from 15 iterations on the weights that the layer was made with,
    before an initializer has set them, and from random numbers of the global generator: here the first u depends on
    the layer's width alone, so that two rows with one seed share it.

    Source: Algorithm 1.
    """
    checks.whole_number("norm.power_iterations", power_iterations, 1)
    before = layer(bias=True)
    weight = before.get_parameter("weight")
    # unsafe leaves torch's trial run out, which would move u by the weights that stand there now
    register_parametrization(before, "weight", SpectralNorm(weight, power_iterations), unsafe=True)
    return before, nn.Identity()
