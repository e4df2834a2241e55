import pytest

from dropgrid.lr_schedules.warmup import warmed


def recorded(step, steps, warmup):
    """The factor, and what the schedule after the warm-up was asked, if it was."""
    asked = []

    def schedule(step, steps):
        asked.append((step, steps))
        return 0.5

    return warmed(step, steps, warmup, schedule), asked


@pytest.mark.parametrize(("steps", "warmup", "warm"), [(100, 0.05, 5), (1000, 0.3, 300), (10, 0.25, 2)])
def test_it_rises_linearly_from_1_over_warm_to_1_and_then_asks_the_schedule(steps, warmup, warm):
    for step in range(steps):
        factor, asked = recorded(step, steps, warmup)
        if step < warm:
            assert factor == pytest.approx((step + 1) / warm) and asked == []
        else:
            assert factor == 0.5 and asked == [(step - warm, steps - warm)]


def test_without_warm_up_the_schedule_is_asked_from_the_first_step():
    assert recorded(0, 10, 0.0) == (0.5, [(0, 10)])


def test_it_rises_to_what_the_schedule_starts_at():
    assert [warmed(step, 10, 0.4, lambda *_: 0.5, 0.2) for step in range(5)] == pytest.approx(
        [0.05, 0.1, 0.15, 0.2, 0.5]
    )


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_a_step_is_left_to_the_schedule(steps):
    assert recorded(steps - 1, steps, 0.99) == (0.5, [(0, 1)])


@pytest.mark.parametrize("warmup", [-0.1, 1, 5, "abc", None, True, float("nan")])
def test_a_warm_up_outside_its_range_is_named(warmup):
    with pytest.raises(ValueError, match=rf"lr_schedule\.warmup must be .* \[0, 1\), got {warmup!r}"):
        recorded(0, 10, warmup)
