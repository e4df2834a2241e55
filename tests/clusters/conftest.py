"""What the suites of all engines share: the module's CELLS on this machine, and a Python with its EXTRA."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from extras import python_with
from sweep import Sweep


@pytest.fixture(scope="module")
def alone(request, tmp_path_factory):
    """The sweep on this machine."""
    sweep = Sweep(tmp_path_factory.mktemp("alone"), request.module.CELLS)
    sweep.run()
    return sweep


@pytest.fixture(scope="module")
def python(request, tmp_path_factory):
    """The Python that starts the sweep on the engine."""
    return python_with(request.module.EXTRA, tmp_path_factory.mktemp("extra") / "venv")
