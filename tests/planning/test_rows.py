import pytest

from dropgrid.errors import UserError
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.rows import expand_rows, refuse_conflicts


@pytest.fixture(autouse=True)
def context():
    with hydra_context():
        yield


def test_a_list_is_one_row():
    rows = expand_rows({"a": ["regularizer=none"], "b": ["regularizer=dropblock", "regularizer.groups=[-1]"]})
    assert rows == {"a": ["regularizer=none"], "b": ["regularizer=dropblock", "regularizer.groups=[-1]"]}


def test_a_mapping_is_the_product_of_its_lists():
    rows = expand_rows(
        {"db": {"regularizer": "dropblock", "regularizer.block_size": [1, 3], "regularizer.skip": [True, False]}}
    )
    assert list(rows) == [
        "db block_size=1 skip=True",
        "db block_size=1 skip=False",
        "db block_size=3 skip=True",
        "db block_size=3 skip=False",
    ]
    assert rows["db block_size=3 skip=False"] == [
        "regularizer=dropblock",
        "regularizer.block_size=3",
        "regularizer.skip=False",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "must map names"),
        (None, "must map names"),
        ({"a": "regularizer=none"}, "row 'a' must be a list of overrides"),
        ({"a": ["regularizer"]}, "written key=value, got 'regularizer'"),
        ({"a": ["regularizer=none,dropout"]}, "has several values; write the row as a mapping"),
        ({"a": ["seed=3"]}, "seeds are set by sweep.seeds"),
        ({"a": {"regularizer": []}}, "no values for regularizer"),
        ({"a": {f"q.{key}": list(range(20)) for key in "abcdefg"}}, "the product of row 'a' is more than 10,000"),
        ({"a\nb": ["model=mlp"]}, r"row 'a\\nb' has a character in its name that cannot be printed"),
        ({"a": {"q.x": ["\x1b[2J", "y"]}}, "in its name that cannot be printed"),
        ({"a x=1": ["model=mlp"], "a": {"q.x": [1, 2]}}, "two rows are named 'a x=1'"),
    ],
)
def test_what_no_row_can_mean_is_refused(rows, message):
    with pytest.raises(UserError, match=message):
        expand_rows(rows)


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ("regularizer=dropblock", "regularizer"),
        ("regularizer=dropblock", "regularizer.keep_prob"),
        ("regularizer.keep_prob=0.9", "regularizer.keep_prob"),
        ("+regularizer@regularizer_2=dropout", "regularizer_2.keep_prob"),
    ],
)
def test_what_a_row_sets_cannot_be_overridden(row, key):
    with pytest.raises(UserError, match=f"{key} is set by row 'mine'"):
        refuse_conflicts({"other": [], "mine": [row]}, ["seed", key])


def test_what_no_row_sets_can_be():
    refuse_conflicts(
        {"mine": ["regularizer=dropblock", "optimizer.lr=0.1"]}, ["optimizer.momentum", "model", "regularizers"]
    )
    refuse_conflicts({"mine": ["regularizer.keep_prob=0.9"]}, ["regularizer", "regularizer.block_size"])
