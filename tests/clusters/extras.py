"""What the suites need and the project's environment lacks: packages of Debian, and of an extra of ours."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def debian(command: str, *packages: str) -> None:
    """Install packages unless the command that they bring is there; skip where that may not be done."""
    if shutil.which(command):
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"no {command} here, and installing {' and '.join(packages)} takes root and apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for line in ("update -qq", f"install -y -qq --no-install-recommends {' '.join(packages)}"):
        subprocess.run(["apt-get", *line.split()], env=environment, check=True, capture_output=True)


def python_with(extra: str, folder: Path) -> str:
    """A Python that has all of ours and one of our extras: an environment that borrows from this one."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    # this project by its sources: an editable install is a .pth of its own, which one that borrows does not read
    borrowed = [str(ROOT / "src"), *(each for each in sys.path if each.endswith("site-packages"))]
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, capture_output=True)
    return python
