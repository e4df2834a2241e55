"""A real Ray cluster on loopback: a head and nodes of our own, as so many machines would be, ended by pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from processes import marked
from slurm import free_ports, wait_for

MARK = "DROPGRID_TEST_NODE"


class Ray:
    """A head without cores, and nodes of a core each. Use it as a context; `address` is for `ray.init`.

    Args:
        commands: the folder of `ray`.
        hidden: of each node, a folder that it is not to see; None where it sees all.
    """

    def __init__(self, commands: Path, hidden: Sequence[Path | None] = (None, None)):
        self.commands, self.hidden = commands, hidden
        self.port = free_ports(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        self.started: list[subprocess.Popen] = []

    def __enter__(self) -> "Ray":
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: sockets lie in it, whose paths have 107 bytes
        options = ("--num-cpus=0", "--include-dashboard=false", f"--port={self.port}", f"--temp-dir={self.folder}")
        try:
            self.start(None, "--head", *options)
            wait_for(lambda: self.seen() == 1, 120)
            for number, folder in enumerate(self.hidden, 1):
                self.start(folder, f"--address={self.address}", "--num-cpus=1")
                wait_for(lambda number=number: self.seen() == 1 + number, 120)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self, hidden: Path | None, *options: str) -> None:
        """A node: its processes bear its number, and have mounts of their own where it hides something."""
        name = str(len(self.started))
        line = [str(self.commands / "ray"), "start", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
        # workers take any free port: else Ray keeps 10002 to 19999 for them, and refuses a head among those
        line += [*options, "--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
        if hidden is not None:
            line = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{hidden}" && exec "$@"', "sh", *line]
        environment = {**os.environ, MARK: f"{self.port}-{name}"}
        with open(self.folder / f"node-{name}.out", "wb") as log:
            given: dict[str, Any] = {"stdout": log, "stderr": log, "env": environment, "stdin": subprocess.DEVNULL}
            self.started.append(subprocess.Popen(line, **given, start_new_session=True))

    def seen(self) -> int:
        """The nodes that the head knows to be alive."""
        line = "import ray,sys; ray.init(sys.argv[1], logging_level=50); print(sum(n['Alive'] for n in ray.nodes()))"
        given: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60, "env": dict(os.environ)}
        try:
            done = subprocess.run([str(self.commands / "python"), "-c", line, self.address], **given)
        except subprocess.TimeoutExpired:
            return 0
        return int(done.stdout or 0)

    def of(self, node: int) -> list[int]:
        """The processes of a node; 0 is the head."""
        return marked(MARK, f"{self.port}-{node}")

    def kill(self, node: int) -> None:
        """As if its machine had lost power."""
        for pid in self.of(node):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in reversed(range(len(self.started))):
            deadline = time.monotonic() + 20
            while self.of(node) and time.monotonic() < deadline:
                self.kill(node)
                time.sleep(0.2)
            self.started[node].wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
