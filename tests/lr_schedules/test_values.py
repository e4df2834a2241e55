import pytest

from dropgrid.lr_schedules.values import number, share, some, whole, within

NO_NUMBERS = ["abc", "0.1", None, True, float("nan"), float("inf"), [0.1]]


@pytest.mark.parametrize(
    ("check", "bad", "allowed"),
    [
        (share, [-0.1, 1.1], r"in \[0, 1\]"),
        (some, [0, 1.1], r"in \(0, 1\]"),
        (within, [0, 1], r"in \(0, 1\)"),
        (lambda name, value: whole(name, value, 1), [0, 1.5], "a whole number, 1 or more"),
    ],
)
def test_what_is_outside_is_refused_by_name(check, bad, allowed):
    for value in [*bad, *NO_NUMBERS]:
        with pytest.raises(ValueError, match=rf"lr_schedule\.x must be {allowed}, got ") as error:
            check("x", value)
        assert str(error.value).endswith(repr(value))


def test_what_is_allowed_comes_back_unchanged():
    assert share("x", 0) == 0 and share("x", 1) == 1 and some("x", 1) == 1 and within("x", 0.5) == 0.5
    assert whole("x", 3, 3) == 3 and number(1e300) and not number(True)
