import pytest

from dropgrid.optimizers.values import non_negative, pair, positive, share

NO_NUMBERS = ["abc", "0.1", None, True, float("nan"), float("inf"), [0.1]]


@pytest.mark.parametrize("value", [0, -0.1, *NO_NUMBERS])
def test_positive_refuses(value):
    with pytest.raises(ValueError, match=r"optimizer\.lr must be a number above 0, got ") as error:
        positive("lr", value)
    assert str(error.value).endswith(repr(value))


@pytest.mark.parametrize("value", [-0.1, *NO_NUMBERS])
def test_non_negative_refuses(value):
    with pytest.raises(ValueError, match=r"optimizer\.x must be a number, 0 or more, got "):
        non_negative("x", value)


@pytest.mark.parametrize("value", [-0.1, 1, *NO_NUMBERS])
def test_share_refuses(value):
    with pytest.raises(ValueError, match=r"optimizer\.x must be in \[0, 1\), got "):
        share("x", value)


@pytest.mark.parametrize("value", [0.9, [0.9], [0.9, 0.99, 0.999], "ab", None, [0.9, 1], [0.9, "a"]])
def test_pair_refuses(value):
    with pytest.raises(ValueError, match=r"optimizer\.betas must "):
        pair("betas", value)


def test_what_is_allowed_comes_back_unchanged():
    assert positive("lr", 0.1) == 0.1 and positive("lr", 2) == 2
    assert non_negative("x", 0) == 0 and share("x", 0) == 0 and share("x", 0.999) == 0.999
    assert pair("betas", [0.9, 0.999]) == (0.9, 0.999)
