"""A Ray cluster for as long as a sweep's jobs need it."""

from collections.abc import Iterator
from contextlib import contextmanager

import ray


@contextmanager
def connected() -> Iterator[None]:
    """None of the sweep's tasks outlives the context, however it ends; a cluster that was there stays."""
    try:
        yield
    finally:
        ray.shutdown()
