"""Real clients of the stand-in, each in a process of its own with nothing of the caller's environment."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from wandb_service.service import Service

WANDB = str(Path(sys.executable).parent / "wandb")


class Clients:
    """`with Clients(service, folder) as clients:` starts some, at home in the folder; none is left when it ends."""

    def __init__(self, service: Service, folder: Path):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **service.environment}
        self.started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self.started:
            process.kill()
            process.communicate()

    def start(self, *line: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(line, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe, text=True)
        self.started.append(process)
        return process

    def script(self, text: str) -> subprocess.Popen[str]:
        return self.start(sys.executable, "-c", text)

    def end(self, process: subprocess.Popen[str], code: int = 0) -> str:
        """What a client has printed when it ends, which it does with this exit code."""
        out, error = process.communicate(timeout=120)
        assert process.returncode == code, out + error
        return out + error

    def python(self, text: str, code: int = 0) -> str:
        return self.end(self.script(text), code)

    def sync(self, *options: str) -> str:
        return self.end(self.start(WANDB, "sync", *options))

    @property
    def folders(self) -> list[str]:
        """What sync takes, the oldest first."""
        return sorted(str(path) for path in (self.folder / "wandb").glob("*run-*"))


def until(true: Callable[[], object]) -> None:
    """Wait, half a minute at most."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "waited for nothing"
        time.sleep(0.02)
