import pytest
import torch

from dropgrid.lr_schedules.cosine import cosine


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_without_warm_up_it_is_torchs_at_each_step(final):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.3 * final)
    for step in range(50):
        assert 0.3 * cosine(step, 50, final=final, warmup=0.0) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


def test_it_starts_after_the_warm_up_and_ends_with_training():
    warm = [cosine(step, 100, final=0.0, warmup=0.2) for step in range(100)]
    assert warm[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert warm[20:] == [cosine(step, 80, final=0.0, warmup=0.0) for step in range(80)]
    assert warm[20] == 1


def test_halfway_it_is_halfway_to_the_final_share():
    assert cosine(50, 100, final=0.2, warmup=0.0) == pytest.approx(0.6)


@pytest.mark.parametrize("final", [-0.1, 1.1, "abc", True, None])
def test_a_final_share_outside_its_range_is_named(final):
    with pytest.raises(ValueError, match=rf"lr_schedule\.final must be a number in \[0, 1\], got {final!r}"):
        cosine(0, 10, final=final, warmup=0.0)
