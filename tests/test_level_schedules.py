"""The level over a training, by each schedule, against what its words say; what a network then drops."""

import math

import pytest

from dropgrid.callbacks.schedule import advance
from dropgrid.level_schedules import AT, PLAIN, parse_schedule
from dropgrid.planning.plan import plans
from dropgrid.regularizers.dropout import Dropout

AT_TENTHS: dict[str, list[float]] = {
    "constant": [1] * 11,
    "linear": [each / 10 for each in range(11)],
    "cosine": [(1 - math.cos(math.pi * each / 10)) / 2 for each in range(11)],
    "early:0.3": [1, 1, 1, *[0] * 8],
    "late:0.3": [0, 0, 0, *[1] * 8],
    "fade:0.5": [1, 0.8, 0.6, 0.4, 0.2, *[0] * 6],
    "step:2": [*[0] * 5, *[1] * 6],
    "step:5": [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1, 1],
}


@pytest.mark.parametrize("text", AT_TENTHS)
def test_a_schedule_is_a_function_of_progress(text):
    drop = Dropout(0.4, schedule=text)
    assert [drop.level_at(each / 10) for each in range(11)] == pytest.approx([0.4 * s for s in AT_TENTHS[text]])


def test_every_schedule_is_here():
    assert {text.partition(":")[0] for text in AT_TENTHS} == {*PLAIN, *AT, "step"}


@pytest.mark.parametrize("text", AT_TENTHS)
def test_the_levels_of_a_training_are_those_of_its_steps(text):
    drop = Dropout(0.4, schedule=text)
    levels, times = drop.levels_over(30, 40)
    stepped = []
    for step in range(30):
        advance(drop, step / 39)
        stepped.append(float(drop.level))
    assert times.sum() == 30 and sorted(stepped) == pytest.approx(sorted(levels.repeat(times)))


NONE = (
    "Linear",
    "linear:1",
    "early",
    "early:",
    "early:0",
    "early:1",
    "late:x",
    "fade:nan",
    "step:1",
    "step:2.5",
    3,
    None,
)


@pytest.mark.parametrize("text", NONE)
def test_what_is_none_is_named(text):
    with pytest.raises(ValueError, match=r"schedule must be constant, linear, cosine, early:0\.2, .* or step:4, got "):
        parse_schedule(text)


def test_rows_of_every_schedule_are_matched_at_one_dose(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    (tmp_path / "ablation").mkdir()
    rows = "".join(f'    "{text}": [regularizer=dropout, "regularizer.schedule={text}"]\n' for text in AT_TENTHS)
    head = "# @package _global_\nablation:\n  match: {dose: 0.1}\n  rows:\n    none: [regularizer=none]\n"
    (tmp_path / "ablation" / "x.yaml").write_text(head + rows)
    (plan,) = plans(["+ablation=x", "data=fake", "data.size=12", "data.train=64", "model=resnet14", "model.width=0.25"])
    solved = {each["row"]: each for each in plan.about["matched"]}
    assert solved.keys() == AT_TENTHS.keys()
    assert all(each["dose"] == pytest.approx(0.1, rel=0.02) for each in solved.values())
