import pytest
from torch import nn

from dropgrid.initializers.gains import gain_of


@pytest.mark.parametrize(("activation", "kept", "critical"), [(nn.ReLU, 2**0.5, 2**0.5), (nn.Tanh, 1.5926, 1.0)])
def test_words_and_numbers(activation, kept, critical):
    assert gain_of("activation", activation) == pytest.approx(kept, abs=1e-4)
    assert gain_of("critical", activation) == pytest.approx(critical, abs=1e-6)
    assert gain_of(1.5, activation) == 1.5


def test_where_there_is_no_critical_point_it_says_so():
    with pytest.raises(ValueError, match=r"init.gain=critical: GELU\(.*\) has no critical point without biases"):
        gain_of("critical", nn.GELU)
