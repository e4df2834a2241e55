"""What a command printed when it had nothing to do, printed again while nothing it was made from has changed.

Planning and reporting need torch, pandas and matplotlib, which take seconds to import; to see that no file has changed
takes milliseconds. An answer depends on the command line, the environment, the code, configs and packages (the key of
its file), and on the files of the ablations, their cells and their data (kept in it as one hash). Files are compared by
size, inode and times of change. An answer is kept only if nothing of this has changed while the command ran.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from dropgrid import json_output
from dropgrid.errors import UserError
from dropgrid.files import open_to_read, stats_of, write_atomically
from dropgrid.paths import CONF, PACKAGE, outputs_folder, untilde
from dropgrid.printable import printable
from dropgrid.store.layout import CELL_ID, Outputs

MOST_FILES = 200_000
"""Data of more files are listed by a plan only."""

MOST_ANSWERS = 100
"""Answers kept in an outputs folder."""

OF_THE_ENVIRONMENT = re.compile("DROPGRID_|HYDRA_|PYTHON|CUDA_|COLUMNS$|TERM$|NO_COLOR$|HOME$|LANG$|LC_")
STYLE = re.compile(r"(\x1b\[[\d;]*m)")
"""The colour codes of a terminal: the only escape sequences of an answer that are printed."""


class CannotTell(Exception):
    """It cannot be seen in a moment whether something has changed."""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and what it was made from.

    Args:
        outputs: the outputs folder.
        names: the ablations.
        data: files and folders besides that were read.
        text: what was printed.
    """

    outputs: Path
    names: Sequence[str]
    data: Sequence[str]
    text: str


CLOCK = 2_000_000_000
"""Nanoseconds that the clock of a file system may be behind, or its times coarse."""

READ: dict[str, str] = {}
"""Ablation -> the hash of what its report was made from, as it was before."""

GIVEN: ContextVar[Answer | None] = ContextVar("GIVEN", default=None)
"""The answer of the running command, once it has one that may be kept."""


def answered(command: str, words: Sequence[str], run: Callable[[], int]) -> int:
    """Print the answer that is kept for a command line, else run the command and keep its answer; the exit code."""
    outputs = named_outputs(words)
    if outputs is None or json_output.wanted() or "DROPGRID_TARGETS" in os.environ:  # own code may lie anywhere
        return run()
    began, key = time.time_ns(), None
    try:
        key = key_of(command, words)
        kept = json.loads(read(Outputs(outputs).answer(key)))
        if kept["state"] == state_of(outputs, kept["names"], kept["data"]):
            sys.stdout.write(shown(kept["text"]))
            return 0
    except (OSError, UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError, CannotTell):
        pass  # no answer, or a damaged one
    try:
        code = run()
    except SystemExit as ended:  # of Hydra's run
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    answer = GIVEN.get()
    if code == 0 and key and answer is not None and answer.outputs.absolute() == outputs.absolute():
        with suppress(OSError, UserError, ValueError, CannotTell):
            if key == key_of(command, words):
                keep(answer, key, began)
    return code


def reading(outputs: Path, name: str) -> None:
    """Remember what an ablation's report is about to read."""
    with suppress(OSError, UserError, ValueError, CannotTell):
        READ[name] = inputs_of(outputs, name)


def keep(answer: Answer, key: str, began: int) -> None:
    """Write an answer, unless what the reports have read, or the data, changed since the command began."""
    state = state_of(answer.outputs, answer.names, answer.data)
    changed = any(newest(Path(each)) > began - CLOCK for each in answer.data)
    if changed or state[:-1] != [READ.get(name) for name in answer.names]:
        return
    about = {"state": state, "names": [*answer.names], "data": [*answer.data], "text": answer.text}
    path = Outputs(answer.outputs).answer(key)
    write_atomically(path, lambda file: file.write(json.dumps(about).encode()), durable=False)
    for old in sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-MOST_ANSWERS]:
        old.unlink(missing_ok=True)


def named_outputs(words: Sequence[str]) -> Path | None:
    """Return the outputs folder of a command line; None if only Hydra can tell."""
    given = [each.partition("=")[2] for each in words if re.match(r"[+~]*paths\.outputs=", each)]
    asks = any(re.match(r"-(?!m$|-multirun$)|[+~]*hydra", each) for each in words)
    if asks or any(re.search(r"[\"'\\${},\[(]", each) for each in given):
        return None
    return outputs_folder(given[-1] if given else None)


def key_of(command: str, words: Sequence[str]) -> str:
    """Return the hash of a command line and of all that decides what it means."""
    terminal = sys.stdout.isatty() and (*shutil.get_terminal_size(), sys.stdout.encoding)
    environment = sorted(each for each in os.environ.items() if OF_THE_ENVIRONMENT.match(each[0]))
    places = [(place, os.stat(place).st_mtime_ns) for place in sys.path if os.path.isdir(place)]
    total = hashlib.sha256(repr((command, [*words], os.getcwd(), sys.version, terminal, environment, places)).encode())
    own = [Path(untilde(os.environ["DROPGRID_CONF"]))] if os.environ.get("DROPGRID_CONF") else []
    for place in (PACKAGE, PACKAGE.parent / "hydra_plugins", CONF, *own):
        add_tree(total, place, follow=True)
    return total.hexdigest()[:16]


def state_of(outputs: Path, names: Sequence[str], data: Sequence[str]) -> list[str]:
    """Return the hash of what each ablation's report reads, then that of the stamps of their folders and of data;
    CannotTell if there are too many."""
    total = hashlib.sha256()
    for name in names:
        add_tree(total, Outputs(outputs).ablation(name).folder)
    for each in data:
        add_tree(total, Path(each), follow=True)
    return [*(inputs_of(outputs, name) for name in names), total.hexdigest()]


def inputs_of(outputs: Path, name: str) -> str:
    """Return the hash of the stamps of what an ablation's report reads."""
    total, place = hashlib.sha256(), Outputs(outputs)
    folder = place.ablation(name)
    for each in (folder.about, folder.cells, folder.claims, folder.evaluations, folder.imported):
        if each.exists():
            add_tree(total, each)
    for line in json.loads(read(folder.cells)):
        if not CELL_ID.fullmatch(line["cell"]):
            raise CannotTell
        add_tree(total, place.run(line["cell"]).folder)
    return total.hexdigest()


def newest(place: Path) -> int:
    """Return when a file, or anything in a folder, was last changed: nanoseconds of Unix time."""
    paths = [str(place), *(os.path.join(at, name) for at, _, files in os.walk(place) for name in (*files, "."))]
    return max(max(about.st_mtime_ns, about.st_ctime_ns) for about in map(os.stat, paths))


def add_tree(total: "hashlib._Hash", place: Path, follow: bool = False) -> None:
    """Add the names and stamps of a file, or of all in a folder; what a link leads to only if it is followed."""
    for count, (name, about) in enumerate(stamps(str(place), follow)):
        if count > MOST_FILES:
            raise CannotTell
        stamp = (about.st_mode, *stats_of(about))
        total.update(f"{name}\0{stamp}\0".encode("utf-8", "surrogatepass"))


def stamps(place: str, follow: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Iterate over the files of a folder, or the one file, in an order that is the same each time."""
    if not os.path.isdir(place):
        yield place, os.stat(place, follow_symlinks=follow)
        return
    with os.scandir(place) as found:
        entries = sorted(found, key=lambda each: each.name)
    for each in entries:
        if each.is_dir(follow_symlinks=False):
            if each.name != "__pycache__":
                yield from stamps(each.path, follow)
        elif follow and each.is_dir():  # a link out of the folder, or around in it
            raise CannotTell
        else:
            yield each.path, each.stat(follow_symlinks=follow)


def read(path: Path) -> str:
    """Return a file's text."""
    with open_to_read(path) as file:
        return file.read().decode()


def shown(text: str) -> str:
    """Return a text of which a terminal obeys colours alone."""
    return "".join(part if STYLE.fullmatch(part) else printable(part) for part in STYLE.split(text))
