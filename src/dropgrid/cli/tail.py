"""`status --follow CELL`: a cell's log as it grows."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dropgrid.commands import say
from dropgrid.errors import UserError, did_you_mean
from dropgrid.store.inventory import listed_cells, member_label, subfolders
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.records import read_failure
from dropgrid.store.status import status

SECONDS_BETWEEN = 0.25


def find(given: str, outputs: Path, name: str | None = None) -> tuple[str, str]:
    """Return the id and the label of a cell, given its id, the beginning of its id, or `[factors/]row/seed<k>`.

    Raises:
        UserError: no cell matches, or several do.
    """
    known = list(listed_cells(outputs, [name] if name else []))
    called = {cell.id: member_label(ablation, cell) for ablation, cell in known}
    if not name:
        called = {folder.name: folder.name for folder in subfolders(Outputs(outputs).runs)} | called
    paths = [(cell.path, cell.id) for _, cell in known]
    found = {id for each, id in paths if f"/{each}".endswith(f"/{given}")}
    found = found or {id for id in called if id.startswith(given)} if given else set()
    if len(found) == 1:
        (id,) = found
        return id, called[id]
    if found:
        raise UserError(f"{given!r} may be any of {listed(sorted(found), called)}; give more of the id, or NAME")
    rows = [each for each, _ in paths if given in each.split("/")]
    if rows:
        raise UserError(f"{given!r} is a row; which of its cells? {', '.join(dict.fromkeys(rows))}")
    where = f"in {name}" if name else f"in {outputs}"
    known_as = [*dict.fromkeys(each for each, _ in paths), *called]
    raise UserError(f"no cell {given!r} {where}{did_you_mean(given, known_as)} (an id, its beginning, or ROW/seed0)")


def listed(ids: Sequence[str], called: dict[str, str]) -> str:
    """Return the first few ids with their labels."""
    shown = [each if called[each] == each else f"{each} ({called[each]})" for each in ids[:5]]
    return ", ".join(shown) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def follow(cell: str, name: str, outputs: Path) -> int:
    """Print a cell's log, and follow it while the cell runs; return 1 if the cell failed."""
    run = Outputs(outputs).run(cell)
    for text in growing(run):
        say(text, end="")
    ended = status(run.folder)
    why = (read_failure(run) or {}) if ended == "failed" else {}
    reason = f": {why.get('class')}: {why.get('message')}" if why else ""
    say(f"--- {name} ({cell}) {'is ' if ended != 'failed' else ''}{ended}{reason}")
    return 1 if ended == "failed" else 0


def growing(run: RunFolder) -> Iterator[str]:
    """Yield a cell's log piece by piece, from its beginning until nobody trains the cell any more.

    A log that was cut or replaced is read from its beginning again.
    """
    at, file = 0, 0
    while True:
        running = status(run.folder) == "running"  # first: what is written until then is read after
        try:
            if run.log.exists() and not run.log.is_file():  # a pipe would be waited for
                raise UserError(f"cannot read {run.log}: it is no plain file")
            with open(run.log, "rb") as log:
                about = os.fstat(log.fileno())
                if about.st_ino != file or about.st_size < at:
                    at, file = 0, about.st_ino
                log.seek(at)
                content = log.read()
        except FileNotFoundError:
            content = b""
        if running and content and not content.endswith(b"\n"):
            content = content[: content.rfind(b"\n") + 1]  # only complete lines, so only complete characters
        at += len(content)
        if content:
            yield content.decode(errors="replace")
        if not running:
            return
        time.sleep(SECONDS_BETWEEN)
