import pytest
import torch

from dropgrid.averages.ema import Ema


@pytest.mark.parametrize("warmup", [False, True])
def test_it_is_the_formula(warmup):
    ema = Ema(decay=0.8, warmup=warmup)
    values = torch.randn(20, 3)
    averaged = [values[0].clone()]
    wanted = values[0].clone()
    for count in range(1, 20):
        ema.update(averaged, [values[count]], count)
        d = min(0.8, (1 + count) / (10 + count)) if warmup else 0.8
        wanted = d * wanted + (1 - d) * values[count]
    assert torch.allclose(averaged[0], wanted, atol=1e-6)
