"""What a cell's process runs in test_supervise: found by the forkserver's children through sys.path."""

import errno
import os
import resource
import signal
import sys
import time

from dropgrid.errors import UserError
from dropgrid.files import open_growing, write_atomically
from dropgrid.store import checkpoints
from dropgrid.store.files import write_json, write_json_once
from dropgrid.store.layout import RunFolder


def finish(cell, folder):
    print("hello from the cell")
    (folder / "result.json").write_text('{"metrics": {}, "reproduce": ""}')


def count(cell, folder):
    with open(folder / "count", "a") as file:
        file.write("x")
    finish(cell, folder)


def fail(cell, folder):
    raise RuntimeError("first line\nthe last line says why")


def refuse(cell, folder):
    raise UserError("that cannot be")


def leave(cell, folder):
    sys.exit(7)


def leave_as_if_lost(cell, folder):
    sys.exit(6)


def end(cell, folder):
    os._exit(cell.get("exit", 6))


def interrupt(cell, folder):
    raise KeyboardInterrupt


def die(cell, folder):
    os.kill(os.getpid(), signal.SIGKILL)


def crash(cell, folder):
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(cell, folder):
    (folder / "hanging").touch()
    time.sleep(60)


def do_nothing(cell, folder):
    pass


def die_twice(cell, folder):
    with open(folder / "count", "a") as file:
        file.write("x")
    if len((folder / "count").read_text()) < 3:
        die(cell, folder)
    finish(cell, folder)


def wait_for_sigterm(cell, folder):
    signal.signal(signal.SIGTERM, lambda *_: (folder / "asked").touch() or os._exit(4))
    hang(cell, folder)


def full_when_asked(cell, folder):
    """No room for the checkpoint when it is asked to stop."""

    def full(*_):
        (folder / "asked").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    signal.signal(signal.SIGTERM, full)
    hang(cell, folder)


def deaf(cell, folder):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(cell, folder)


def leave_partials(cell, folder):
    (folder / ".result.json.1234.json").write_text("half")
    die(cell, folder)


def no_room_at_all(cell, folder):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    (folder / "weights").write_bytes(b"1" * 100)


def show_variables(cell, folder):
    (folder / "seen").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    finish(cell, folder)


def stop_itself(cell, folder):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def kill_server_once(cell, folder):
    """Kill the process that this one is a fork of; go on writing as if nothing had happened."""
    with open(folder / "count", "a") as file:
        file.write("x")
    if len((folder / "count").read_text()) > 1:
        before = (folder / "alive").stat().st_mtime_ns
        time.sleep(0.2)
        (folder / "beside").write_text(str((folder / "alive").stat().st_mtime_ns != before))
        return finish(cell, folder)
    (folder / "alive").write_text(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    while True:
        (folder / "alive").write_text(str(os.getpid()))
        time.sleep(0.01)


def kill_server(cell, folder):
    (folder / "count").unlink(missing_ok=True)
    kill_server_once(cell, folder)


def write_everything(cell, folder):
    """A training of three seconds that writes what a cell does, its supervisor's pid in each file."""
    run, pid = RunFolder(folder), os.getppid()
    metrics = open_growing(run.metrics)
    for step in range(60):
        time.sleep(0.05)
        print(f"step {step} by {pid}", flush=True)
        metrics.write(f"{step},{pid}\n")
        metrics.flush()
        write_json(run.state, {"phase": "training", "step": step, "steps": 60, "pid": os.getpid()}, durable=False)
        checkpoints.write(folder, step, "0" * 12, lambda file, step=step: file.write(f"{step} {pid}".encode()))
    write_atomically(run.weights("last"), lambda file: file.write(str(pid).encode()))
    write_json_once(run.result, {"metrics": {}, "reproduce": str(pid)})
