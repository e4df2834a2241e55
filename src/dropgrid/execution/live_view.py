"""A sweep while it runs: a live panel on a terminal, lines in a pipe or file."""

import time
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dropgrid.execution.supervisor import Outcome
from dropgrid.store.layout import Outputs
from dropgrid.store.records import read_state

SECONDS_BETWEEN_LINES = 10.0


class LiveView:
    """Counts the cells of a sweep and shows them: finished, running with epoch and loss, left, and the time to go.

    Live views read only `state.json`. Call `started` and `ended` as cells do, and `refresh` a few times a second.
    """

    def __init__(self, title: str, total: int, jobs: int, outputs: Path, console: Console):
        self.title, self.total, self.jobs, self.outputs, self.console = title, total, jobs, outputs, console
        self.running: dict[str, tuple[str, float]] = {}
        self.counts = {"finished": 0, "failed": 0, "stopped": 0}
        self.already = 0
        self.elsewhere: set[str] = set()
        self.seconds: list[float] = []
        self.began = self.last_line = time.monotonic()
        self.live = Live(get_renderable=self.panel, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "LiveView":
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def started(self, cell: str, label: str) -> None:
        """Count a cell as running."""
        self.running[cell] = (label, time.monotonic())

    def ended(self, outcome: Outcome) -> None:
        """Count a cell as ended, and print what needs to be known of it."""
        label, since = self.running.pop(outcome.cell)
        if outcome.lost:
            self.say(f"{label} was held up here; another supervisor has taken it over, and this one writes nothing")
        if outcome.status == "busy":
            if outcome.cell not in self.elsewhere:
                self.elsewhere.add(outcome.cell)
                self.say(f"{label} is being trained by another supervisor: the others first")
            return
        self.counts[outcome.status] += 1
        self.already += outcome.already
        if outcome.already:
            if outcome.cell in self.elsewhere:
                self.say(f"finished {label}, by another supervisor  {self.summary()}")
            return
        took = time.monotonic() - since
        if outcome.status == "finished":
            self.seconds.append(took)
        label += f" ({outcome.attempts} attempts)" if outcome.attempts > 1 else ""
        if outcome.status == "failed":
            self.console.print(Text.assemble(("failed", "red"), f"   {label}: {outcome.failure}"), soft_wrap=True)
        elif not self.console.is_terminal:
            self.console.print(f"{outcome.status} {label} ({took:.1f} s)  {self.summary()}", soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line above the view."""
        self.console.print(text, soft_wrap=True)

    def refresh(self) -> None:
        """Print a line now and then about what is running, if there is no terminal."""
        if self.console.is_terminal or time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES or not self.running:
            return
        self.last_line = time.monotonic()
        now = "; ".join(f"{label} {self.progress(cell)[1]}" for cell, (label, _) in list(self.running.items()))
        self.console.print(f"running  {now}  {self.summary()}", soft_wrap=True)

    def done(self) -> int:
        """Return the count of cells that have ended."""
        return sum(self.counts.values())

    def summary(self) -> str:
        """Return `12 of 40 done, 2 running, 26 left, about 1 min 30 s to go`."""
        left = self.total - self.done() - len(self.running)
        parts = [f"{self.done()} of {self.total} done"]
        parts += [f"{self.counts['failed']} failed"] if self.counts["failed"] else []
        parts += [f"{len(self.running)} running, {left} left"]
        remaining = self.remaining()
        return ", ".join(parts + ([f"about {minutes(remaining)} to go"] if remaining is not None else []))

    def remaining(self) -> float | None:
        """Return the seconds to go, from this sweep's cells that have finished, else from the running ones' steps."""
        shares = {cell: self.progress(cell)[0] for cell in list(self.running)}
        if self.seconds:
            each = sum(self.seconds) / len(self.seconds)
        else:
            now = time.monotonic()
            told = [
                (now - since) / shares[c] for c, (_, since) in list(self.running.items()) if shares.get(c, 0) > 0.02
            ]
            if not told:
                return None
            each = sum(told) / len(told)
        return each * max(0.0, self.total - self.done() - sum(shares.values())) / self.jobs

    def progress(self, cell: str) -> tuple[float, str]:
        """Return the fraction of a cell's steps that are done, and where it stands in words."""
        state = read_state(Outputs(self.outputs).run(cell))
        if not state.get("steps"):
            return 0.0, "starting"
        if state["phase"] == "measuring":
            return 1.0, "measuring on the test set"
        loss = "" if state.get("loss") is None else f"  loss {state['loss']:.3f}"
        share = min(1.0, max(0.0, (state.get("step") or 0) / state["steps"]))
        return share, f"epoch {(state.get('epoch') or 0) + 1}/{state.get('epochs') or '?'}{loss}"

    def panel(self) -> Group:
        """Return what the terminal shows."""
        head = Text.assemble((self.title, "bold"), "  ", self.summary())
        table = Table.grid(padding=(0, 2))
        for cell, (label, since) in list(self.running.items()):
            share, words = self.progress(cell)
            bar = ProgressBar(total=1.0, completed=share, width=24)
            table.add_row(Text(label), bar, words, f"{time.monotonic() - since:.0f} s")
        whole = Table.grid()
        whole.add_row(ProgressBar(total=self.total, completed=self.done(), width=72))
        return Group(head, whole, table)


def minutes(seconds: float) -> str:
    """Return a duration as `45 s`, `1 min 30 s` or `2.5 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"
