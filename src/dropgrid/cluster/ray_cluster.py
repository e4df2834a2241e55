"""A Ray cluster for as long as a sweep's jobs need it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import AuthenticationError

from dropgrid.errors import UserError

TOKEN = "RAY_AUTH_MODE=token in the environment, and the cluster's token in RAY_AUTH_TOKEN or ~/.ray/auth_token"
"""How to give a token. Ray asks for one itself if it starts or finds a cluster; not if an address is given."""


@contextmanager
def connected(settings: Mapping[str, Any]) -> Iterator[None]:
    """Connect as `ray.init` does with those settings; none of the sweep's tasks outlives the context, however it ends.

    A cluster that was there stays. Raises UserError where there is none, or none for us: the launcher would take that
    for a lost job.
    """
    where = f"the Ray cluster at {settings['address']}" if settings.get("address") else "Ray"
    try:
        ray.init(**settings)
    except AuthenticationError as error:
        raise UserError(f"cannot use {where}: no token was found; wanted is {TOKEN}") from error
    except ConnectionError as error:  # of a token that is refused Ray says no more than of a cluster that is not there
        raise UserError(f"cannot use {where}: it does not answer; is it up? If it asks for a token: {TOKEN}") from error
    except Exception as error:  # ValueError, RuntimeError, …
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"cannot use {where}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()
