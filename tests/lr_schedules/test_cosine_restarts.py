import pytest
import torch

from dropgrid.lr_schedules.cosine import cosine
from dropgrid.lr_schedules.cosine_restarts import cosine_restarts


@pytest.mark.parametrize(("steps", "periods", "multiple", "first"), [(75, 4, 2, 5), (52, 3, 3, 4), (60, 5, 1, 12)])
def test_without_warm_up_it_is_torchs_at_each_step(steps, periods, multiple, first):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, T_mult=multiple, eta_min=0.03)
    starts = 0
    for step in range(steps):
        factor = cosine_restarts(step, steps, periods=periods, multiple=multiple, final=0.1, warmup=0.0)
        assert 0.3 * factor == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        starts += factor == 1
        optimizer.step()
        theirs.step()
    assert starts == periods and theirs.T_cur == 0  # the last period ended with training


def test_one_period_is_cosine_decay():
    for step in range(40):
        once = cosine_restarts(step, 40, periods=1, multiple=2, final=0.1, warmup=0.25)
        assert once == cosine(step, 40, final=0.1, warmup=0.25)


@pytest.mark.parametrize("steps", [16, 17, 31, 100, 1001])
@pytest.mark.parametrize("multiple", [1, 1.5, 2])
def test_however_long_the_training_it_ends_low(steps, multiple):
    factors = [cosine_restarts(s, steps, periods=4, multiple=multiple, final=0.0, warmup=0.0) for s in range(steps)]
    assert factors.count(1.0) == 4 and factors[-1] == min(factors[-4:])


@pytest.mark.parametrize(
    ("key", "value"), [("periods", 0), ("periods", 1.5), ("periods", True), ("multiple", 0.5), ("multiple", "abc")]
)
def test_what_is_outside_its_range_is_named(key, value):
    arguments = {"periods": 2, "multiple": 2, "final": 0.0, "warmup": 0.0, key: value}
    with pytest.raises(ValueError, match=rf"lr_schedule\.{key} must be a .*number, 1 or more, got {value!r}"):
        cosine_restarts(0, 10, **arguments)


@pytest.mark.parametrize("final", [-0.1, 1.1, "abc", True, None])
def test_a_final_share_outside_its_range_is_named(final):
    with pytest.raises(ValueError, match=rf"lr_schedule\.final must be a number in \[0, 1\], got {final!r}"):
        cosine_restarts(0, 10, periods=2, multiple=2, final=final, warmup=0.0)
