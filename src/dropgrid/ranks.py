"""The processes of one cell that trains on several devices; `python -m dropgrid.ranks FOLDER` is one but the first.

The first (rank 0) is the cell's own process: it alone logs, writes and measures. It starts the others, which get the
cell on their standard input, and end when that closes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dropgrid.runs.child import FAILED
from dropgrid.runs.folder import write_json


@contextmanager
def joined(cell: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """The other ranks, if the cell has any, for as long as the block lasts; one that fails ends this process too."""
    count = cell["config"]["trainer"].get("ranks", 1)
    if count == 1:
        yield
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "NODE_RANK": "0"}
    os.environ.update(where, LOCAL_RANK="0")
    others = {rank: start(rank, cell, folder) for rank in range(1, count)}
    for rank, process in others.items():
        threading.Thread(target=watch, args=(rank, process, folder), daemon=True).start()
    try:
        yield
    finally:
        for process in others.values():
            assert process.stdin is not None
            process.stdin.close()


def start(rank: int, cell: Mapping[str, Any], folder: Path) -> "subprocess.Popen[str]":
    """One of them."""
    line = [sys.executable, "-m", "dropgrid.ranks", str(folder)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, text=True, env={**os.environ, "LOCAL_RANK": str(rank)})
    assert process.stdin is not None
    process.stdin.write(json.dumps(cell) + "\n")
    process.stdin.flush()
    return process


def watch(rank: int, process: "subprocess.Popen[str]", folder: Path) -> None:
    """Wait for a rank; one that fails leaves the others waiting for it for ever, so all end."""
    code = process.wait()
    if code:
        message = f"rank {rank} ended with exit code {code}; why stands in log.txt"
        write_json(folder / "failure.json", {"class": "RankFailed", "message": message, "log": "log.txt"})
        os._exit(FAILED)


def end_with_first() -> None:
    """End when rank 0 has, or is done with the others."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Train beside rank 0."""
    from dropgrid.training import Trial

    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # rank 0 decides when all stop
    cell = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_first, daemon=True).start()
    Trial(cell, Path(sys.argv[1]), loggers=[]).fit()


if __name__ == "__main__":
    main()
