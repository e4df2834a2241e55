import pytest
import torch

from dropgrid.lr_schedules.polynomial import polynomial


@pytest.mark.parametrize("power", [0.5, 0.9, 1, 2])
def test_without_warm_up_it_is_torchs_at_each_step(power):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=50, power=power)
    for step in range(50):
        factor = polynomial(step, 50, power=power, final=0.0, warmup=0.0)
        assert 0.3 * factor == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


def test_it_falls_to_its_final_share_of_what_the_warm_up_left():
    factors = [polynomial(step, 100, power=1, final=0.2, warmup=0.2) for step in range(100)]
    assert factors[20:] == pytest.approx([1 - 0.8 * step / 80 for step in range(80)])


@pytest.mark.parametrize("power", [0, -1, "abc", True, None, float("nan")])
def test_a_power_not_above_0_is_named(power):
    with pytest.raises(ValueError, match=rf"lr_schedule\.power must be a number above 0, got {power!r}"):
        polynomial(0, 10, power=power, final=0.0, warmup=0.0)


def test_a_final_share_outside_its_range_is_named():
    with pytest.raises(ValueError, match=r"lr_schedule\.final must be a number in \[0, 1\], got 2"):
        polynomial(0, 10, power=1, final=2, warmup=0.0)
