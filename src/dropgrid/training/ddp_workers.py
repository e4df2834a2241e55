"""Start and watch the processes of a cell that trains on several devices.

Rank 0 is the cell's own process: it alone logs, writes and measures. It starts the others (`ddp_rank`), which read the
cell from their standard input and end when that closes.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dropgrid.errors import FAILED
from dropgrid.store.files import write_json
from dropgrid.store.layout import RunFolder


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
    line = [sys.executable, "-m", "dropgrid.training.ddp_rank", str(folder)]
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
        run = RunFolder(folder)
        try:
            write_json(run.failure, {"class": "RankFailed", "message": message, "log": run.log.name})
        finally:
            os._exit(FAILED)
