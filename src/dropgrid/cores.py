"""The CPU cores there are."""

import os


def cores() -> int:
    """The CPU cores this process may use; where the system does not tell, all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
