"""The keys by which a sweep is watched."""

import pytest

from dropgrid.errors import UserError
from dropgrid.execution.pool import policy
from dropgrid.planning.plan import plans


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def test_a_policy_is_what_the_sweep_says():
    (plan,) = plans(["data=fake", "sweep.hang_minutes=0.5", "sweep.retries.SIGKILL=7", "sweep.checkpoint.minutes=null"])
    found = policy(plan)
    assert found.hang_seconds == 30 and found.retries["SIGKILL"] == 7 and not found.patient


@pytest.mark.parametrize(
    "override",
    [
        "sweep.on_error=ignore",
        "sweep.retries.SIGKILL=many",
        "sweep.hang_minutes=0",
        "sweep.checkpoint.steps=1.5",
        "sweep.checkpoint.minutes=-1",
        "sweep.rerun=always",
    ],
)
def test_what_cannot_be_is_refused_by_its_key(override):
    with pytest.raises(UserError, match=override.partition("=")[0].removesuffix(".SIGKILL")):
        policy(plans(["data=fake", override])[0])
