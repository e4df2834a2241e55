import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def tiny():
    """The functions of tiny.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny.py"))))
