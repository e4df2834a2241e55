import pytest

from dropgrid.planning.explain import distance, dotted_keys


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [
        ("lr", "lr", 0),
        ("lrr", "lr", 1),
        ("momentm", "momentum", 1),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("mole", "model", 2),
    ],
)
def test_edit_distance(first, second, edits):
    """difflib's blocks are no measure of it: from mole to model they take three edits."""
    assert distance(first, second) == distance(second, first) == edits


def test_keys_of_a_nested_dict():
    assert list(dotted_keys({"a": {"b": 1, "c": {"d": [1]}}, "e": None})) == ["a", "a.b", "a.c", "a.c.d", "e"]
