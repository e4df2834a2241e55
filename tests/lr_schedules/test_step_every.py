import pytest
import torch

from dropgrid.lr_schedules.step import step
from dropgrid.lr_schedules.step_every import step_every


@pytest.mark.parametrize(("every", "size"), [(0.1, 6), (0.25, 15), (1 / 3, 20), (1.0, 60)])
def test_without_warm_up_it_is_torchs_at_each_step(every, size):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.StepLR(optimizer, step_size=size, gamma=0.3)
    for each in range(60):
        factor = step_every(each, 60, every=every, gamma=0.3, warmup=0.0)
        assert factor == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("steps", [7, 10, 33, 100])
def test_it_is_step_decay_with_milestones_at_each_multiple(steps):
    for each in range(steps):
        at_multiples = step(each, steps, milestones=[0.3, 0.6, 0.9], gamma=0.1, warmup=0.2)
        assert step_every(each, steps, every=0.3, gamma=0.1, warmup=0.2) == pytest.approx(at_multiples)


@pytest.mark.parametrize("key", ["every", "gamma"])
@pytest.mark.parametrize("value", [0, 1.5, "abc", True, None])
def test_what_is_outside_its_range_is_named(key, value):
    arguments = {"every": 0.5, "gamma": 0.1, "warmup": 0.0, key: value}
    with pytest.raises(ValueError, match=rf"lr_schedule\.{key} must be a number in \(0, 1\], got {value!r}"):
        step_every(0, 100, **arguments)
