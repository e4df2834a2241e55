import pytest
import torch

from dropgrid.lr_schedules.step import step


def test_without_warm_up_it_is_torchs_at_each_step():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[20, 30], gamma=0.1)
    for each in range(40):
        factor = step(each, 40, milestones=[0.5, 0.75], gamma=0.1, warmup=0.0)
        assert factor == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_milestones_are_shares_of_the_whole_training_with_warm_up_too():
    factors = [step(each, 100, milestones=[0.5], gamma=0.1, warmup=0.1) for each in range(100)]
    assert factors[:10] == pytest.approx([(each + 1) / 10 for each in range(10)])
    assert factors[10:50] == [1.0] * 40
    assert factors[50:] == pytest.approx([0.1] * 50)


@pytest.mark.parametrize("milestones", [[0.75, 0.5], [0.5, 0.5], [0], [1.0], [30, 60], ["abc"], 0.5, "abc", None])
def test_milestones_that_do_not_rise_within_training_are_named(milestones):
    with pytest.raises(ValueError, match=r"lr_schedule\.milestones must .* got ") as error:
        step(0, 100, milestones=milestones, gamma=0.1, warmup=0.0)
    assert str(error.value).endswith(repr(milestones))


@pytest.mark.parametrize("gamma", [0, 1.5, "abc", True, None])
def test_a_gamma_outside_its_range_is_named(gamma):
    with pytest.raises(ValueError, match=rf"lr_schedule\.gamma must be a number in \(0, 1\], got {gamma!r}"):
        step(0, 100, milestones=[0.5], gamma=gamma, warmup=0.0)
