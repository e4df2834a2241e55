import pytest
import torch

from dropgrid.lr_schedules.one_cycle import one_cycle


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize(
    ("steps", "peak", "start", "final"), [(50, 0.3, 0.04, 4e-6), (37, 0.5, 0.1, 0.0), (10, 0.01, 1, 1)]
)
def test_without_warm_up_it_is_torchs_at_each_step(anneal, steps, peak, start, final):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=0.3,
        total_steps=steps,
        pct_start=peak,
        anneal_strategy="cos" if anneal == "cosine" else anneal,
        div_factor=1 / start,
        final_div_factor=start / final if final else float("inf"),
        cycle_momentum=False,
    )
    for step in range(steps):
        factor = one_cycle(step, steps, peak=peak, start=start, final=final, anneal=anneal, warmup=0.0)
        assert 0.3 * factor == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-12)
        optimizer.step()
        if step < steps - 1:
            theirs.step()


def test_a_warm_up_rises_to_its_start():
    arguments = {"peak": 0.25, "start": 0.1, "final": 0.0, "anneal": "linear"}
    factors = [one_cycle(step, 100, **arguments, warmup=0.2) for step in range(100)]
    assert factors[:20] == pytest.approx([0.1 * (step + 1) / 20 for step in range(20)])
    assert factors[20:] == [one_cycle(step, 80, **arguments, warmup=0.0) for step in range(80)]
    assert max(factors) == factors[39] == 1 and factors[-1] == 0


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_shortest_trainings_have_a_rate(steps):
    factors = [one_cycle(s, steps, peak=0.3, start=0.04, final=0.0, anneal="cosine", warmup=0.0) for s in range(steps)]
    assert factors[0] > 0 and max(factors) <= 1


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("peak", 0, r"a number in \(0, 1\)"),
        ("peak", 1, r"a number in \(0, 1\)"),
        ("start", 0, r"a number in \(0, 1\]"),
        ("final", 2, r"a number in \[0, 1\]"),
        ("anneal", "cos", "linear or cosine"),
    ],
)
def test_what_is_outside_its_range_is_named(key, value, allowed):
    arguments = {"peak": 0.3, "start": 0.04, "final": 0.0, "anneal": "cosine", "warmup": 0.0, key: value}
    with pytest.raises(ValueError, match=rf"lr_schedule\.{key} must be {allowed}, got {value!r}"):
        one_cycle(0, 10, **arguments)
