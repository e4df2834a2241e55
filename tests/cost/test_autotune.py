import json

import pytest

from dropgrid.cost import autotune
from dropgrid.cost.probe import Pace, cost_class
from dropgrid.errors import UserError
from dropgrid.planning.plan import plans

TINY = ("scale=demo", "data=fake", "model=resnet20")


@pytest.fixture
def measured(monkeypatch):
    """Probes replaced by what each is said to take; the cells that were probed."""
    probed = []
    seconds = {("32-true", False): 10.0, ("32-true", True): 9.0, ("bf16-mixed", True): 5.0}

    def paces(plan, cells, slots):
        trainers = [cell.config["trainer"] for cell in cells]
        probed.extend((each["precision"], each["channels_last"]) for each in trainers)
        return {cost_class(cell): Pace(0, seconds[probed[-1]], 0, 10) for cell in cells}

    monkeypatch.setattr(autotune, "measure_paces", paces)
    monkeypatch.setattr(autotune, "warm", lambda modules: None)
    return probed, seconds


def planned(tmp_path, *overrides):
    (plan,) = autotune.resolve_auto(plans([*TINY, *overrides, f"paths.outputs={tmp_path}"]))
    return plan.cells


def test_cells_have_the_fastest_values_and_the_id_of_those_who_typed_them(tmp_path, measured):
    (cell,) = planned(tmp_path, "speed=auto")
    (typed,) = planned(tmp_path, "trainer.precision=bf16-mixed", "trainer.channels_last=true")
    assert cell.id == typed.id and cell.config == typed.config
    assert "trainer.precision=bf16-mixed trainer.channels_last=true seed=0" in cell.reproduce


def test_what_was_measured_once_is_kept(tmp_path, measured):
    probed, seconds = measured
    first = planned(tmp_path, "speed=auto")
    assert len(probed) == 3 * autotune.TURNS
    seconds[("32-true", False)] = 0.1  # would win now
    assert [cell.id for cell in planned(tmp_path, "speed=auto")] == [cell.id for cell in first]
    assert len(probed) == 3 * autotune.TURNS
    (kept,) = (tmp_path / ".cache/fastest").glob("*.json")
    assert json.loads(kept.read_text())["rates"]["precision=bf16-mixed channels_last=true"] == 2.0


def test_a_difference_of_noise_changes_nothing(tmp_path, measured):
    measured[1].update({("32-true", True): 9.9, ("bf16-mixed", True): 9.8})
    (cell,) = planned(tmp_path, "speed=auto")
    assert (cell.config["trainer"]["precision"], cell.config["trainer"]["channels_last"]) == ("32-true", False)


def test_what_is_typed_stays(tmp_path, measured):
    (cell,) = planned(tmp_path, "speed=auto", "trainer.precision=32-true")
    assert cell.config["trainer"]["precision"] == "32-true" and cell.config["trainer"]["channels_last"] is True
    assert {precision for precision, _ in measured[0]} == {"32-true"}


def test_all_rows_have_one_choice(tmp_path, measured):
    cells = planned(tmp_path, "speed=auto", "regularizer=choice(none,dropblock,dropout)", "seed=choice(0,1)")
    assert len(cells) == 6 and len({cell.config["trainer"]["precision"] for cell in cells}) == 1
    assert len(measured[0]) == 3 * autotune.TURNS


def test_other_keys_have_no_auto(tmp_path, measured):
    with pytest.raises(UserError, match="trainer.max_epochs cannot be auto; only precision and channels_last can"):
        planned(tmp_path, "trainer.max_epochs=auto")


@pytest.mark.parametrize(
    ("speed", "values"),
    [
        ("channels_last", {"precision": "32-true", "channels_last": True, "compile": False, "fused": False}),
        ("bf16", {"precision": "bf16-mixed", "channels_last": True, "compile": False, "fused": True}),
        ("compiled", {"precision": "bf16-mixed", "channels_last": True, "compile": True, "fused": True}),
    ],
)
def test_presets_are_concrete_values_of_the_cell(tmp_path, speed, values):
    (cell,) = planned(tmp_path, f"speed={speed}")
    assert values.items() <= cell.config["trainer"].items()
    assert "speed" not in cell.config


@pytest.mark.slow
def test_measured_for_real(tmp_path):
    (cell,) = planned(tmp_path, "speed=auto", "data.train=200", "data.batch_size=20", "sweep.jobs=1")
    (kept,) = (tmp_path / ".cache/fastest").glob("*.json")
    rates = json.loads(kept.read_text())["rates"]
    assert len(rates) == 3 and all(rate > 0 for rate in rates.values())
    assert "auto" not in cell.config["trainer"].values()
