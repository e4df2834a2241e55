"""`walk` takes an optimizer over a loss beside a formula."""

import pytest
import torch


@pytest.fixture
def walk():
    def walk(optimizer, layer, follow, rtol=1e-9, atol=1e-12, steps=25):
        """Take steps on a loss that is no quadratic; `follow(weight, gradient)` says where each leads."""
        x = torch.randn(8, 3, dtype=torch.float64)
        for _ in range(steps):
            weight = layer.weight.detach().clone()
            optimizer.zero_grad()
            ((layer(x) - 1) ** 2).add(0.1).sqrt().mean().backward()
            optimizer.step()
            there = follow(weight, layer.weight.grad + 0.1 * weight)
            assert torch.allclose(layer.weight, there, rtol=rtol, atol=atol)

    return walk
