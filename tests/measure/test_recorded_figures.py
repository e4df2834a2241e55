"""Pictures of what trainings recorded, by diagnostic."""

import numpy as np

from dropgrid.measure.recorded_figures import draw_recorded_figures, first_and_last
from dropgrid.measure.snapshots import Snapshot, write_snapshots


def norms(step, scale):
    return Snapshot(step, {"layers": np.array(["a", "b"]), "norm": scale * np.ones(2), "rms": scale * np.ones(2)})


def test_of_a_few_cells_the_first_moment_stands_beside_the_last_and_of_many_the_last_alone():
    moments = [norms(step, 1.0) for step in (0, 50, 100)]
    few = first_and_last({f"cell {n}": moments for n in range(4)})
    assert all([each.step for each in own] == [0, 100] for own in few.values())
    many = first_and_last({f"cell {n}": moments for n in range(5)})
    assert all([each.step for each in own] == [100] for own in many.values())
    assert [each.step for each in first_and_last({"one": moments[:1]})["one"]] == [0]


def test_a_cell_that_recorded_nothing_has_no_picture(tmp_path):
    assert draw_recorded_figures({"a": tmp_path}) == {}
    write_snapshots(tmp_path / "diagnosis.npz", {"signal": []})
    assert draw_recorded_figures({"a": tmp_path}) == {}


def test_what_has_no_picture_here_is_left_out_and_said(tmp_path, capsys):
    known = Snapshot(0, {"norms": np.ones(2), "sigma2": np.ones(2)})
    write_snapshots(tmp_path / "diagnosis.npz", {"of_a_later_version": [norms(0, 1.0)], "weights_by_depth": [known]})
    assert set(draw_recorded_figures({"a": tmp_path})) == {"weights_by_depth"}
    assert capsys.readouterr().err == "diagnosis.of_a_later_version was recorded, but there is no picture of it here\n"
