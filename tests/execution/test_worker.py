"""The classes of failure, by which cells are retried."""

import ctypes
import errno

import pytest
import torch

from dropgrid.errors import UserError
from dropgrid.execution.worker import classify, keep_memory


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("first\nlast"), "ValueError"),
        (UserError("x"), "UserError"),
        (OSError(errno.ENOSPC, "No space left on device"), "DiskFull"),
        (OSError(errno.EFBIG, "File too large"), "DiskFull"),
        (RuntimeError("safetensors: I/O error: No space left on device (os error 28)"), "DiskFull"),
        (OSError(errno.EIO, "Input/output error"), "OSError"),
        (MemoryError(), "OutOfMemory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "OutOfMemory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "OutOfMemory"),
    ],
)
def test_classes(error, kind):
    assert classify(error)[0] == kind


def test_the_message_is_the_last_line_and_a_full_disk_says_what_to_do():
    assert classify(ValueError("first\nlast"))[1] == "last"
    assert "make room" in classify(OSError(errno.ENOSPC, "No space left on device"))[1]
    assert classify(KeyError())[1] == "KeyError"


def test_a_cause_behind_the_error_counts():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as cause:
            raise RuntimeError("could not write") from cause
    except RuntimeError as error:
        assert classify(error)[0] == "DiskFull"


def test_memory_is_kept_where_glibc_is_and_left_alone_elsewhere(monkeypatch):
    keep_memory()
    asked = []

    class Library:
        @staticmethod
        def mallopt(option, value):
            asked.append((option, value))

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    keep_memory()
    assert asked == [(-4, 0), (-1, -1)]
    for library in (lambda name: object(), lambda name: (_ for _ in ()).throw(OSError("no library"))):
        monkeypatch.setattr(ctypes, "CDLL", library)
        keep_memory()
