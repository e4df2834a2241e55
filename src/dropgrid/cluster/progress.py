"""How far the cells are that train elsewhere, from their folders."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console

from dropgrid.planning.types import Cell, Plan, label
from dropgrid.store.records import run_folder

EVERY = 5.0
"""Seconds between two looks."""

SHARE = 0.02
"""Of the time that looking may take: of thousands of cells on a slow file system it is done more seldom."""


class Progress:
    """A line for each cell that has come to its end, while the context lasts."""

    def __init__(self, plan: Plan, cells: Sequence[Cell], console: Console):
        self.plan, self.console = plan, console
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
        """Until it is over."""
        wait = EVERY
        while not self.over.wait(wait):
            began = time.monotonic()
            self.look()
            wait = max(EVERY, (time.monotonic() - began) / SHARE)

    def look(self) -> None:
        """Once."""
        for cell in list(self.left):
            folder = run_folder(self.plan.outputs, cell.id)
            ended = [name for name in ("result", "failure") if self.fresh(folder / f"{name}.json")]
            if ended:
                self.left.remove(cell)
                word = "finished" if ended[0] == "result" else "failed"
                text = f"{word} {label(cell)}  {self.total - len(self.left)} of {self.total} done"
                self.console.print(text, soft_wrap=True)

    def fresh(self, path: Path) -> bool:
        """Whether a file has been written since the context was entered; clocks of machines may differ by a little."""
        try:
            return path.stat().st_mtime > self.began - 60
        except OSError:
            return False
