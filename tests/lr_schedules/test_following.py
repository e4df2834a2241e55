from functools import partial

from dropgrid.lr_schedules.constant import constant
from dropgrid.lr_schedules.following import reads_validation
from dropgrid.lr_schedules.plateau import plateau


def test_plateau_follows_validation_bare_or_bound_and_others_do_not():
    assert reads_validation(plateau) and reads_validation(partial(plateau, metric="loss"))
    assert not reads_validation(constant) and not reads_validation(partial(constant, warmup=0.1))
    assert not reads_validation(lambda step, steps: 1.0)
