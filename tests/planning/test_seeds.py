import pytest

from dropgrid.errors import UserError
from dropgrid.planning.seeds import sweep_seeds

SWEEP = {"seeds": None, "looks": [3, 5, 8]}


def test_typed_seeds_go_before_the_sweeps_and_those_before_the_configs():
    assert sweep_seeds(["4", "7"], {**SWEEP, "seeds": 5}, 0) == [4, 7]
    assert sweep_seeds([], {**SWEEP, "seeds": 5}, 0) == [0, 1, 2, 3, 4]
    assert sweep_seeds([], {**SWEEP, "seeds": [3, 1]}, 0) == [3, 1]
    assert sweep_seeds([], SWEEP, 9) == [9]
    assert sweep_seeds([], {**SWEEP, "seeds": "auto"}, 0) == [0, 1, 2]


@pytest.mark.parametrize(
    ("typed", "sweep", "message"),
    [
        (["1", "1"], {}, "a seed is named twice"),
        ([], {"seeds": "many"}, "seeds are whole numbers"),
        ([], {"seeds": True}, "seeds are whole numbers"),
        ([], {"seeds": "auto", "looks": [5, 3]}, "rise from 2 or more"),
        ([], {"seeds": "auto", "looks": [1, 3]}, "rise from 2 or more"),
        ([], {"seeds": "auto", "looks": 3}, "rise from 2 or more"),
        ([], {"seeds": "auto", "looks": []}, "rise from 2 or more"),
    ],
)
def test_what_are_no_seeds_is_refused(typed, sweep, message):
    with pytest.raises(UserError, match=message):
        sweep_seeds(typed, {**SWEEP, **sweep}, 0)
