"""What an engine's jobs bring back."""

import io

import pytest

from dropgrid.cluster.remote import job_results
from dropgrid.commands import terminal
from dropgrid.errors import UserError


class Job:
    """A JobReturn: its value, or what its job raised."""

    def __init__(self, value):
        self.value = value

    @property
    def return_value(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_a_job_that_was_lost_costs_the_others_nothing():
    printed = io.StringIO()
    console = terminal(file=printed)
    jobs = [Job([{"cell": "a"}]), Job(RuntimeError("node [7] is gone\nmore")), Job([{"cell": "b"}, {"cell": "c"}])]
    assert [each["cell"] for each in job_results(jobs, console)] == ["a", "b", "c"]
    assert printed.getvalue() == "a job was lost: node [7] is gone\n"


def test_a_user_s_mistake_is_no_lost_job():
    with pytest.raises(UserError, match="other data"):
        list(job_results([Job(UserError("other data"))], terminal(file=io.StringIO())))
