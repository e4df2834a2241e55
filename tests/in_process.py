"""A command as a user types it, in the test's own process: a process of its own imports for seconds what is loaded
here, and so does the forkserver that it starts, which here lives on for the next command."""

import contextlib
import contextvars
import importlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def command(script, *words, outputs):
    """What `python scripts/SCRIPT.py WORDS` would end with: its exit code, and what it printed."""
    line = [f"scripts/{script}.py", *map(str, words)]
    main = importlib.import_module(f"dropgrid.cli.{script}").main
    out, error = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(sys, "argv", line)
        for name, value in {"DROPGRID_OUTPUTS": outputs, "COLUMNS": 160, "HYDRA_FULL_ERROR": 1}.items():
            patch.setenv(name, str(value))  # the last is set by train.py, and then put back too
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                code = contextvars.copy_context().run(main)
            except SystemExit as end:
                code = end.code
    return subprocess.CompletedProcess(line, code or 0, out.getvalue(), error.getvalue())
