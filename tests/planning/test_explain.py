import pytest

from dropgrid.planning.explain import distance, flat


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [("lr", "lr", 0), ("lrr", "lr", 1), ("momentm", "momentum", 1), ("abc", "", 3), ("kitten", "sitting", 3)],
)
def test_edit_distance(first, second, edits):
    assert distance(first, second) == distance(second, first) == edits


def test_keys_of_a_nested_dict():
    assert list(flat({"a": {"b": 1, "c": {"d": [1]}}, "e": None})) == ["a", "a.b", "a.c", "a.c.d", "e"]
