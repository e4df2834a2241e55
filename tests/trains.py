"""What a cell's process runs in test_supervise: found by the forkserver's children through sys.path."""

import os
import resource
import signal
import sys
import time

from dropgrid.errors import UserError


def finish(cell, folder):
    print("hello from the cell")
    (folder / "result.json").write_text("{}")


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
