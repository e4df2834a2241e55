"""What a cell's process runs in test_supervise: found by the forkserver's children through sys.path."""

import os
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
