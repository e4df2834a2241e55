import pytest

from dropgrid.lr_schedules.constant import constant


def test_without_warm_up_it_is_1():
    assert [constant(step, 10, warmup=0.0) for step in range(10)] == [1.0] * 10


def test_with_warm_up():
    expected = [1 / 4, 2 / 4, 3 / 4, 1, 1, 1, 1, 1]
    assert [constant(step, 8, warmup=0.5) for step in range(8)] == pytest.approx(expected)
