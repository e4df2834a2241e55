"""A rank of a cell that trains on several devices, other than rank 0: `python -m dropgrid.training.ddp_rank FOLDER`."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from dropgrid.store.checkpoints import NotContinued
from dropgrid.training.train import Trial


def end_with_first() -> None:
    """End when rank 0 has, or is done with the others."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Train beside rank 0."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # rank 0 decides when all stop
    cell = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_first, daemon=True).start()
    try:
        Trial(cell, Path(sys.argv[1]), loggers=[]).fit()
    except NotContinued:  # rank 0 finds the same, and starts other processes from the checkpoint before
        threading.Event().wait()


if __name__ == "__main__":
    main()
