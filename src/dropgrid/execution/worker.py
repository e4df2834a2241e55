"""A cell's own process: its output goes to log.txt, its failure to failure.json, its end to the exit code."""

import ctypes
import errno
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NoReturn

from dropgrid.errors import DISK_FULL, FAILED, LOST, STOPPED, UserError
from dropgrid.files import ROOTS, SCRATCH, Lost, open_to_write
from dropgrid.paths import tilde
from dropgrid.store.files import write_json
from dropgrid.store.layout import WorkerFolder

Train = Callable[[Mapping[str, Any], Path], None]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Constants of glibc's malloc.h."""

PR_SET_PDEATHSIG = 1
"""A constant of Linux's prctl.h."""

LOADED_BY = os.getpid()
"""The forkserver, in a fork of it."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def enter(
    train: Train,
    cell: Mapping[str, Any],
    folder: Path,
    variables: Mapping[str, str],
    roots: Iterable[Path] = (),
    scratch: Path | None = None,
) -> None:
    """Run as the first function of a cell's process.

    Args:
        train: called with the cell and its folder; leaves `result.json` there as its last act.
        variables: of the environment, before anything looks at it: the GPU that the cell may see.
        roots: outputs folders (`dropgrid.files.ROOTS`).
        scratch: where the holder of the cell's lease writes; None for a process that needs no lease.
    """
    end_with_server()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # as a job's last minutes are announced: the supervisor's as well
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an OSError
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(variables)
    keep_memory()
    ROOTS.update(roots)
    place = WorkerFolder(folder)
    log = open_to_write(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if scratch is not None:
        if not scratch.exists():  # now, not before the log was opened: who took the cell over has renewed the log since
            os._exit(LOST)
        SCRATCH[folder] = scratch
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(log)
    print(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}  {cell.get('name', cell['id'])}", flush=True)
    try:
        train(cell, folder)
    except Lost as error:
        print(error, flush=True)
        leave(LOST)
    except BaseException as error:  # code of one's own may call sys.exit, with any number
        if isinstance(error, SystemExit) and error.code == STOPPED:  # it was asked to stop
            leave(STOPPED)
        kind, message = classify(error)
        try:
            write_json(place.failure, {"class": kind, "message": message, "log": place.log.name})
            traceback.print_exc()
        except Lost:
            leave(LOST)
        except OSError:
            os._exit(DISK_FULL)
        leave(FAILED)


def leave(code: int) -> NoReturn:
    """End at once. Processes that read data, held by the exception's frames, do not hear SIGTERM: an orderly exit would
    wait for them for ever; as it is they see that they are alone, and end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def keep_memory() -> None:
    """Have glibc keep what is freed for the next tensor of that size, and not give it back to be zeroed again.

    A step frees and takes the same tensors; in float32 that costs a twentieth of its time, of tensors above 32 MiB
    most of it. Without glibc nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)  # no block is a mapping of its own, given back when freed
    mallopt(M_TRIM_THRESHOLD, -1)  # nor is the heap ever cut


def classify(error: BaseException) -> tuple[str, str]:
    """Return the class of a failure, by which it is retried, and its last line.

    `DiskFull`, `OutOfMemory`, `UserError`, `Exit`, else the exception's own name.
    """
    if isinstance(error, SystemExit):
        return "Exit", tilde(f"sys.exit({error.code!r}) was called")
    kind = type(error).__name__
    message = tilde((str(error).strip() or kind).splitlines()[-1])
    causes = [error, *filter(None, (error.__cause__, error.__context__))]
    if any(isinstance(each, OSError) and each.errno in NO_ROOM for each in causes) or "No space left" in str(error):
        return "DiskFull", f"{message}; make room, then run the same command again"
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error):
        return "OutOfMemory", message
    return "UserError" if isinstance(error, UserError) else kind, message


def end_with_server() -> None:
    """Have the kernel end this process with the one that it is a fork of: the supervisor would take it for ended, and
    start another beside it. Elsewhere than on Linux the supervisor ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if LOADED_BY not in (os.getpid(), os.getppid()):  # it has died already
            os._exit(FAILED)


def end_with_parent() -> None:
    """End when the supervisor has ended: a cell nobody waits for would hold the machine."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(STOPPED)
