"""What was recorded is read again, moment by moment."""

import numpy as np

from dropgrid.measure.snapshots import Snapshot, flatten_snapshots, read_snapshots, write_snapshots


def test_what_is_written_is_read(tmp_path):
    moments = [
        Snapshot(
            step,
            {"layers": np.array(["a", "bc"]), "steps": np.arange(2), "x": np.arange(3.0) + step, "n": np.array(step)},
        )
        for step in (0, 5)
    ]
    write_snapshots(tmp_path / "f.npz", {"signal": moments, "gradient": moments[:1], "inputs": []})
    found = read_snapshots(tmp_path / "f.npz")
    assert {name: [each.step for each in own] for name, own in found.items()} == {"signal": [0, 5], "gradient": [0]}
    for own, kept in zip(moments, found["signal"], strict=True):
        assert all(np.array_equal(value, kept.arrays[key]) for key, value in own.arrays.items())
    assert read_snapshots(tmp_path / "none.npz") == {}


def test_moments_are_told_apart_only_where_there_are_several():
    one, two = Snapshot(0, {"x": np.zeros(1)}), Snapshot(1000, {"x": np.ones(1)})
    assert [*flatten_snapshots({"a": [one]})] == ["a"]
    assert [*flatten_snapshots({"a": [one, two], "b": [two]})] == ["a, step 0", "a, step 1,000", "b"]
