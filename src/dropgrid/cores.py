"""The number of available CPU cores, and of threads that a process may ask for."""

import os

MOST_THREADS = 1024
"""More threads of one process end it with a segmentation fault, long before that compute slower."""


def cores() -> int:
    """Return the number of CPU cores that this process may use; all of them if the system does not report it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
