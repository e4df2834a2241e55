"""A forkserver of their own for tests that kill it."""

import contextlib

import pytest

from dropgrid.execution import forkserver


@pytest.fixture(scope="module")
def light_forkserver():
    """One that imports next to nothing, since it is started again and again; other tests go on with theirs after it."""
    server = forkserver.SERVER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "ALWAYS", ("dropgrid.execution.parent_death",))
        patch.setattr(server, "_preload_modules", ["__main__"])
        for name in ("_forkserver_address", "_forkserver_pid", "_forkserver_alive_fd"):
            patch.setattr(server, name, None)
        yield
        with contextlib.suppress(OSError):  # the last test may have killed it, or removed its socket
            server._stop()
