import math

import pytest

from dropgrid import checks
from dropgrid.errors import UserError

NO_NUMBERS = ["abc", "0.1", None, True, float("nan"), float("inf"), [0.1]]


@pytest.mark.parametrize(
    ("bounds", "outside", "allowed"),
    [
        ({}, [], "a number"),
        ({"above": 0}, [0, -0.1], "a number above 0"),
        ({"least": 0}, [-0.1], "a number, 0 or more"),
        ({"least": 1}, [0.9], "a number, 1 or more"),
        ({"least": 0, "below": 1}, [-0.1, 1], "a number in [0, 1)"),
        ({"least": 0, "most": 1}, [-0.1, 1.1], "a number in [0, 1]"),
        ({"above": 0, "most": 1}, [0, 1.1], "a number in (0, 1]"),
        ({"above": 0, "below": 1}, [0, 1], "a number in (0, 1)"),
        ({"below": 1}, [1], "a number in (-inf, 1)"),
        ({"above": 0, "what": "a number of points"}, [0], "a number of points above 0"),
        ({"least": 0, "what": "a number of GiB"}, [-1], "a number of GiB, 0 or more"),
        ({"least": 0, "below": 1, "what": "a share of training"}, [1], "a share of training in [0, 1)"),
        ({"above": 0, "also": "null"}, [0], "a number above 0, or null"),
    ],
)
def test_what_is_no_number_within_the_bounds_is_refused_by_name(bounds, outside, allowed):
    for value in [*outside, *NO_NUMBERS]:
        with pytest.raises(ValueError) as error:
            checks.number("optimizer.x", value, **bounds)
        assert str(error.value) == f"optimizer.x must be {allowed}, got {value!r}"


def test_numbers_within_the_bounds_come_back_unchanged():
    assert checks.number("x", 0.1, above=0) == 0.1 and checks.number("x", 1e300, above=0) == 1e300
    assert checks.number("x", 0, least=0) == 0 and checks.number("x", 0.999, least=0, below=1) == 0.999
    assert checks.number("x", 0, least=0, most=1) == 0 and checks.number("x", 1, above=0, most=1) == 1
    assert checks.number("x", -3) == -3 and isinstance(checks.number("x", 2, above=0), int)


def test_infinity_is_a_number_where_the_upper_bound_is_closed_at_it():
    assert checks.number("x", math.inf, above=0, most=math.inf) == math.inf
    with pytest.raises(ValueError, match=r"^x must be a number above 0, got nan$"):
        checks.number("x", math.nan, above=0, most=math.inf)


@pytest.mark.parametrize("values", [0.9, [0.9], [0.9, 0.99, 0.999], "ab", None, [0.9, 1], [0.9, "a"]])
def test_what_is_no_pair_is_refused(values):
    with pytest.raises(ValueError, match=r"optimizer\.betas must "):
        checks.pair("optimizer.betas", values, least=0, below=1)


def test_a_pair_is_two_numbers():
    assert checks.pair("x", [0.9, 0.999], least=0, below=1) == (0.9, 0.999)
    with pytest.raises(ValueError, match=r"^x must list two numbers in \[0, 1\), got \[0\.9\]$"):
        checks.pair("x", [0.9], least=0, below=1)
    with pytest.raises(ValueError, match=r"^x must be a number in \[0, 1\), got 1$"):
        checks.pair("x", [0.9, 1], least=0, below=1)


@pytest.mark.parametrize(
    ("bounds", "outside", "allowed"),
    [
        ((), [], "a whole number"),
        ((1,), [0, -3], "a whole number, 1 or more"),
        ((0,), [-1], "a whole number, 0 or more"),
        ((0, 30), [-1, 31], "a whole number from 0 to 30"),
    ],
)
def test_what_is_no_whole_number_within_the_bounds_is_refused_by_name(bounds, outside, allowed):
    for value in [*outside, 1.0, 1.5, *NO_NUMBERS]:
        with pytest.raises(ValueError) as error:
            checks.whole_number("init.k", value, *bounds)
        assert str(error.value) == f"init.k must be {allowed}, got {value!r}"


def test_whole_numbers_within_the_bounds_come_back():
    assert checks.whole_number("x", -3) == -3 and checks.whole_number("x", 3, 3) == 3
    assert checks.whole_number("x", 30, 0, 30) == 30


@pytest.mark.parametrize("value", [0, -3, 2.5, "32", True, None])
def test_a_count_of_pixels(value):
    assert checks.whole_number("data.size", 3, 1, what="a whole number of pixels") == 3
    with pytest.raises(ValueError, match="data.size must be a whole number of pixels, 1 or more"):
        checks.whole_number("data.size", value, 1, what="a whole number of pixels")


def test_lists_of_whole_numbers():
    assert checks.whole_numbers("x", [3, 4]) == [3, 4]
    for values in ([], 3, "34", None):
        with pytest.raises(ValueError, match=r"^model\.depths must list whole numbers, got "):
            checks.whole_numbers("model.depths", values)
    with pytest.raises(ValueError, match=r"^model\.depths must be a whole number, 1 or more, got 0$"):
        checks.whole_numbers("model.depths", [3, 0])


def test_booleans():
    assert checks.boolean("x", True) is True and checks.boolean("x", False) is False
    for value in (0, 1, "yes", None):
        with pytest.raises(ValueError, match=rf"^norm\.affine must be true or false, got {value!r}$"):
            checks.boolean("norm.affine", value)


def test_one_of_some_words():
    assert checks.one_of("x", "a", ("a", "b")) == "a" and checks.one_of("x", 2, (1, 2)) == 2
    for allowed, words in (
        (["a"], "a"),
        (("a", "b"), "a or b"),
        ({"a": 0, "b": 1, "c": 2}, "a, b or c"),
        ((1, 2), "1 or 2"),
    ):
        for value in ("d", None, True, ["a"], 3):
            with pytest.raises(ValueError) as error:
                checks.one_of("init.mode", value, allowed)
            assert str(error.value) == f"init.mode must be {words}, got {value!r}"


def test_the_caller_chooses_the_error():
    for check in (
        lambda: checks.number("x", "a", error=UserError),
        lambda: checks.pair("x", "a", least=0, below=1, error=UserError),
        lambda: checks.pair("x", [0, 1], least=0, below=1, error=UserError),
        lambda: checks.whole_number("x", "a", error=UserError),
        lambda: checks.whole_numbers("x", "a", error=UserError),
        lambda: checks.whole_numbers("x", [0], error=UserError),
        lambda: checks.boolean("x", "a", error=UserError),
        lambda: checks.one_of("x", "a", ("b",), error=UserError),
    ):
        with pytest.raises(UserError, match="^x must "):
            check()


def test_what_is_a_number_and_what_a_whole_one():
    assert checks.is_number(1) and checks.is_number(0.5) and not checks.is_number(True) and not checks.is_number("1")
    assert checks.is_whole_number(1) and not checks.is_whole_number(1.0) and not checks.is_whole_number(False)
