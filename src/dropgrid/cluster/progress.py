"""How far cells are that train on other machines, from their folders."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console

from dropgrid.store.cell import Cell

EVERY = 5.0
"""Seconds between two looks at the folders."""

SHARE = 0.02
"""The fraction of the time that looking may take: thousands of cells on a slow file system are looked at less often."""


class Progress:
    """Prints a line for each cell that finishes or fails, while the context lasts."""

    def __init__(self, cells: Sequence[Cell], console: Console):
        self.console = console
        self.left, self.total = list(cells), len(cells)
        self.began = time.time()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> "Progress":
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.thread.join()
        self.look()

    def watch(self) -> None:
        """Look now and then until the context ends."""
        wait = EVERY
        while not self.over.wait(wait):
            began = time.monotonic()
            self.look()
            wait = max(EVERY, (time.monotonic() - began) / SHARE)

    def look(self) -> None:
        """Print a line for each cell that has ended since the last look."""
        for cell in list(self.left):
            finished = self.fresh(cell.run.result)
            if finished or self.fresh(cell.run.failure):
                self.left.remove(cell)
                word = "finished" if finished else "failed"
                text = f"{word} {cell.label}  {self.total - len(self.left)} of {self.total} done"
                self.console.print(text, soft_wrap=True)

    def fresh(self, path: Path) -> bool:
        """Predicate: a file has been written since the context was entered; machines' clocks may differ by a little."""
        try:
            return path.stat().st_mtime > self.began - 60
        except OSError:
            return False
