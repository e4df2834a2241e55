"""SLURM's queue as submitit should see it: without accounting, with an end for jobs that were cancelled."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

from dropgrid.execution.supervisor import GRACE

LIVE = (
    *("CONFIGURING", "COMPLETING", "PENDING", "PREEMPTED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING"),
    *("RUNNING", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED"),
)
"""States of jobs that are to be waited for."""

UNKNOWN = "Invalid job id"
"""The message of squeue about jobs that slurmctld has forgotten."""

EVERY = 10
"""Seconds between two queries of the queue, once a sweep has run for a while."""


class Queue(SlurmInfoWatcher):
    """The state of jobs, by squeue.

    submitit asks sacct, which needs accounting, and counts what it does not find as running: it would wait for a
    cancelled job for ever.
    """

    def __init__(self) -> None:
        super().__init__(delay_s=EVERY)
        self.absent: dict[str, int] = {}

    def update(self) -> None:
        ids = sorted({each.partition("_")[0] for each in self._registered - self._finished})
        if not ids:
            return
        self._num_calls += 1
        line = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", "--jobs", ",".join(ids)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        self._last_status_check = time.time()
        if done.returncode and UNKNOWN not in done.stderr:
            return  # slurmctld is busy, or restarts
        found = dict(each.split() for each in done.stdout.splitlines())
        for job in self._registered - self._finished:
            # twice: between its end on one node and its place in the queue again a job may not be seen
            self.absent[job] = 0 if found.get(job) in LIVE else self.absent.get(job, 0) + 1
            self._info_dict[job] = {"State": found.get(job, "COMPLETED") if self.absent[job] > 1 else "RUNNING"}
            if self.absent[job] > 1:
                self._finished.add(job)

    def left(self) -> list[str]:
        """Return the jobs that are still in the queue."""
        self.update()
        return sorted(self._registered - self._finished)


@contextmanager
def watched() -> Iterator[None]:
    """Watch jobs by their queue; none outlives the context: after an interruption they are cancelled, with time for a
    checkpoint."""
    before, queue = SlurmJob.watcher, Queue()
    SlurmJob.watcher = queue
    try:
        yield
        while queue.left():  # one was lost, and submitit waits for no other then
            time.sleep(EVERY)
    except BaseException:
        if queue.left():
            subprocess.run(["scancel", *sorted({each.partition("_")[0] for each in queue.left()})], check=False)
        deadline = time.monotonic() + GRACE
        while queue.left() and time.monotonic() < deadline:
            time.sleep(1)
        raise
    finally:
        SlurmJob.watcher = before
