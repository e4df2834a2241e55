"""The process that all cells are forks of: started once, and again if it died."""

import contextlib
import multiprocessing
import os
import select
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor
from multiprocessing import forkserver, util
from multiprocessing.process import BaseProcess, current_process
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError

ALWAYS = ("dropgrid.execution.parent_death", "dropgrid.cli.train", "dropgrid.training.train", "dropgrid.masks.native")
"""What every cell's process needs; a module that cannot be imported here is passed over."""

DIED = "ForkserverDied"
"""The class of failure of a cell whose forkserver died, which ends the cell too."""

UNREACHABLE = (EOFError, ConnectionError, FileNotFoundError, BrokenExecutor)
"""What asking a forkserver for a process raises if it has died, or if its socket was removed."""

TRIES = 3
"""How often a process, or an evaluation, is tried if the forkserver dies each time."""

SECONDS_TO_END = 10.0

LONGEST = 103
"""Bytes of a socket's path: 107 on Linux, 103 on macOS."""

SUFFIX = "/pymp-12345678/listener-12345678"
"""What multiprocessing adds to a folder for the path of a socket."""

FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
"""Folders for sockets if the path of TMPDIR is too long."""

SERVER: Any = vars(forkserver)["_forkserver"]
"""What multiprocessing knows of the one that runs."""

lock = threading.Lock()


def warm(modules: Iterable[str] = ()) -> None:
    """Start the forkserver, once: one process imports what every cell needs and these modules, each cell is a fork of
    it, started in milliseconds.

    All cells of a sweep then run the code that was there when it began.

    Raises:
        UserError: there is no folder for its socket.
    """
    wanted = [*ALWAYS, *modules, "dropgrid.execution.own_code_loaded", "dropgrid.execution.gc_freeze"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(wanted)
    ensure_running()


def ensure_running() -> None:
    """Start the forkserver if none is running."""
    with lock:
        choose_socket_folder()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # inherited: Ctrl-C is not for its imports
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(target: Callable[..., object], args: tuple[Any, ...], name: str) -> BaseProcess:
    """Start a process as a fork of the forkserver, of another one if that has died."""
    for attempt in range(TRIES):
        ensure_running()
        child = multiprocessing.get_context("forkserver").Process(target=target, args=args, name=name)
        try:
            child.start()
            child.server = server_pid()  # type: ignore[attr-defined]
            return child
        except UNREACHABLE as error:
            if attempt == TRIES - 1:
                raise ConnectionError(f"the process that cells are forks of died {TRIES} times") from error
            leave(server_pid())
    raise AssertionError


def server_pid() -> int | None:
    """Return the id of the forkserver's process; None if none was started."""
    pid: int | None = SERVER._forkserver_pid
    return pid


def leave(pid: int | None) -> None:
    """Let another forkserver take the place of one that cannot be reached; its cells, if it lives, go on."""
    with SERVER._lock:
        if SERVER._forkserver_pid == pid and pid is not None and is_running(pid):
            SERVER._forkserver_pid = SERVER._forkserver_address = SERVER._forkserver_alive_fd = None


def is_running(pid: int) -> bool:
    """Predicate: a child of this process has not ended; it stays for others to wait for."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def died(child: BaseProcess) -> bool:
    """Predicate: a process that has ended did so because its forkserver died; waits until it is really gone.

    Of such a process multiprocessing knows nothing but that nobody waits for it: on Linux the kernel ends it with the
    forkserver (`end_with_server`), elsewhere it is ended here.
    """
    server = getattr(child, "server", None)
    if child.exitcode != 255 or server is None or child.pid is None:
        return False
    gone = threading.Event()
    for _ in range(20):  # its pipes are closed before its end is known
        if not is_running(server):
            break
        gone.wait(0.05)
    else:
        return False
    if not hasattr(os, "pidfd_open"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        return True
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(child.pid)
        try:
            select.select([descriptor], [], [], SECONDS_TO_END)
        finally:
            os.close(descriptor)
    return True


def exit_failure(child: BaseProcess) -> tuple[str, str]:
    """Return class and message for a process that ended without a word."""
    code = child.exitcode or 0
    if died(child):
        return DIED, "the process that cells are forks of died, and the cell with it"
    if code < 0:
        kind = signal.Signals(-code).name
        memory = " (the system does this when memory runs out)" if kind == "SIGKILL" else ""
        return kind, f"killed by {kind}{memory}"
    return "Exit", f"ended with exit code {code} and no result"


def choose_socket_folder() -> None:
    """Have multiprocessing make its sockets where their paths are short enough: TMPDIR, else one of `FOLDERS`.

    Raises:
        UserError: there is none.
    """
    config = vars(current_process())["_config"]
    if config.get("tempdir") is not None:
        return
    try:
        folders = [tempfile.gettempdir()]
    except FileNotFoundError:
        folders = []
    folders += [each for each in (*FOLDERS, os.environ.get("XDG_RUNTIME_DIR", "")) if each]
    for folder in folders:
        if (made := socket_folder(folder)) is not None:
            util.Finalize(None, shutil.rmtree, args=(made,), kwargs={"ignore_errors": True}, exitpriority=-100)
            config["tempdir"] = made
            return
    allowed = LONGEST - len(SUFFIX)
    raise UserError(
        f"no folder for sockets among {', '.join(dict.fromkeys(folders))}: set TMPDIR to one that can be written and "
        f"whose path has at most {allowed} bytes"
    )


def socket_folder(parent: str) -> str | None:
    """Return a new folder in which a socket can be made; None if its path is too long or there can be none."""
    if len(os.fsencode(parent + SUFFIX)) > LONGEST:
        return None
    try:
        made = tempfile.mkdtemp(prefix="pymp-", dir=parent)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{made}/try")
        Path(made, "try").unlink()
        return made
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        return None
